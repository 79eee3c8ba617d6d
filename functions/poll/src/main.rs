//! Reads channels over HTTP: at once, or as soon as there is something to tell.

use lambda_http::{Request, RequestExt as _, Response, service_fn, tracing};
use shared::actions::Poller;
use shared::aws::clients;
use shared::aws::waiting::WaitingPolls;
use shared::deadline;
use shared::domain::poll::Poll;
use shared::domain::polled;
use shared::error::Error;
use shared::http::{answer, token};
use shared::settings::{PollSettings, TokenSettings};
use shared::tokens::Verifier;
use shared::wiring;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    tracing::init_default_subscriber();
    let clients = clients::load().await?;
    let verifier = Verifier::load(&clients, TokenSettings::from_env()?).await?;
    let polls = PollSettings::from_env()?;
    let waiting = WaitingPolls::new(&clients, polls.once_table);
    let (log, allowances) = (wiring::log(&clients)?, wiring::allowances(&clients)?);
    let poller = Poller::new(log, allowances, waiting, polls.longest);
    lambda_http::run(service_fn(|request| serve(&verifier, &poller, request))).await
}

async fn serve(verifier: &Verifier, poller: &Poller, request: Request) -> Result<Response<String>, lambda_http::Error> {
    let deadline = request.lambda_context().deadline();
    let answered = deadline::before(deadline, poll(verifier, poller, &request)).await;
    Ok(answered.unwrap_or_else(|error| answer::failure(&error)))
}

async fn poll(verifier: &Verifier, poller: &Poller, request: &Request) -> Result<Response<String>, Error> {
    let reader = verifier.verify(token(request.headers())?).await?;
    let parameters = request.query_string_parameters();
    let poll = Poll::parse(parameters.iter())?;
    let channels = poller.poll(&reader, &poll, request.lambda_context().deadline()).await?;
    Ok(answer::text(200, polled::answer(channels)))
}
