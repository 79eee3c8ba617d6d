// Loaded before a program, has it connect to other ports: `REROUTED_PORTS` is {"3000": "41234", …}.

import net from "node:net";

const ports = JSON.parse(process.env.REROUTED_PORTS);
const { connect } = net;

net.connect = (options, ...others) => connect({ ...options, port: ports[options.port] ?? options.port }, ...others);
