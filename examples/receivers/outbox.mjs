// Prints the messages that the local stack sends to phones and addresses: docs/guides/{mobile-push,sms,email}.md.
//
//     node outbox.mjs
let printed = 0;
for (;;) {
  const sent = await (await fetch("http://127.0.0.1:8000/_local/outbox")).json();
  for (const { kind, destination, subject, message } of sent.slice(printed)) {
    console.log(kind, destination, subject ?? "", message);
  }
  printed = sent.length;
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
