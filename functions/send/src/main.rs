//! The HTTP API: sends notifications, looks at channels, cuts connections.

mod app;
mod ask;
mod endpoints;
mod routes;

use lambda_http::{Request, RequestExt as _, service_fn, tracing};
use shared::deadline;
use shared::http::answer;

use app::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    tracing::init_default_subscriber();
    let app = App::load().await?;
    lambda_http::run(service_fn(|request| serve(&app, request))).await
}

async fn serve(app: &App, request: Request) -> Result<lambda_http::Response<String>, lambda_http::Error> {
    let deadline = request.lambda_context().deadline();
    let answered = deadline::before(deadline, routes::route(app, &request)).await;
    Ok(answered.unwrap_or_else(|error| answer::failure(&error)))
}
