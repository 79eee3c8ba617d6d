//! From a frame to its answers.

use std::time::SystemTime;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use serde_json::Value;
use shared::actions::{Inboxes, ReadMark, SendResponse, Sender, SubscribeAnswer, Subscriptions};
use shared::aws::allowances::Allowances;
use shared::aws::clients::Clients;
use shared::aws::management::Management;
use shared::clock;
use shared::deadline;
use shared::domain::frame::{Action, Answer, Frame, Published};
use shared::domain::refusal::Code;
use shared::domain::time::Millis;
use shared::error::Error;
use shared::socket::Peer;
use shared::wiring;

use crate::answer::{Frames, Reply};

/// The use cases behind the frames.
pub(crate) struct App {
    subscriptions: Subscriptions,
    inboxes: Inboxes,
    allowances: Allowances,
    sender: Sender,
    management: Management,
}

impl App {
    pub(crate) fn load(clients: &Clients) -> Result<Self, Error> {
        let (log, management) = (wiring::log(clients)?, wiring::management(clients)?);
        let allowances = wiring::allowances(clients)?;
        Ok(Self {
            subscriptions: Subscriptions::new(wiring::subscribers(clients)?, log.clone(), allowances.clone()),
            inboxes: Inboxes::new(log.clone()),
            allowances,
            sender: wiring::sender(clients, log, management.clone())?,
            management,
        })
    }

    /// Answers a frame. A failure is answered too, under the frame's `ref`. If even that answer fails, the gateway
    /// reports to the client that the function failed.
    pub(crate) async fn handle(
        &self,
        event: ApiGatewayWebsocketProxyRequest,
        deadline: SystemTime,
    ) -> Result<(), lambda_runtime::Error> {
        let peer = Peer::of(&event)?;
        let frame = Frame::parse(event.body.as_deref().unwrap_or_default());
        let reply = Reply { management: &self.management, peer: &peer, reference: frame.reference.as_ref() };
        let answered = deadline::before(deadline, async {
            peer.claims.check_alive(clock::now())?;
            let frames = self.act(&peer, frame.action?, reply.reference).await?;
            reply.send(frames).await
        });
        if let Err(error) = answered.await {
            error.log();
            let refusal = error.refusal();
            let told = reply.error(&refusal).await;
            if matches!(refusal.code, Code::ExpiredToken | Code::ConnectionGone) {
                self.management.disconnect(&peer.connection.id.0).await?;
            }
            told?;
        }
        Ok(())
    }

    async fn act(&self, peer: &Peer, action: Action, reference: Option<&Value>) -> Result<Frames, Error> {
        let answer = match action {
            Action::Subscribe(ask) => {
                let (claims, connection) = (&peer.claims, &peer.connection);
                let asked = self.subscriptions.subscribe(claims, connection, &ask.channel, ask.after, reference);
                let replay = asked.await?;
                let SubscribeAnswer { frames: first, position, unread } = replay;
                return Ok(Frames { first, last: Answer::Subscribed { channel: ask.channel, position, unread } });
            }
            Action::Unsubscribe(ask) => {
                self.subscriptions.unsubscribe(&peer.connection, &ask.channel).await?;
                Answer::Unsubscribed { channel: ask.channel }
            }
            Action::Read(ask) => {
                let mark = self.inboxes.mark_read(&self.allowances, &peer.claims, ask.channel, ask.seq).await?;
                let ReadMark { channel, seq, unread } = mark;
                Answer::Read { channel, seq, unread }
            }
            Action::Ping => Answer::Pong,
            Action::Publish(send, key) => published(self.sender.send(&peer.claims, &send, key.as_ref()).await?),
        };
        Ok(Frames { first: Vec::new(), last: answer })
    }
}

fn published(sent: SendResponse) -> Answer {
    let channels = sent.channels.into_iter().map(|sent| Published { channel: sent.channel, seq: sent.seq });
    Answer::Published { id: sent.id, deliver_at: sent.deliver_at.map(Millis::rfc3339), channels: channels.collect() }
}
