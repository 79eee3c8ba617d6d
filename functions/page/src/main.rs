//! The page: an inbox in the browser, served by the HTTP API itself.

mod asset;
mod html;
mod route;
mod settings;
mod site;

use lambda_http::{Error, Request, service_fn, tracing};

use settings::Settings;
use site::Site;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let site = Site::new(&Settings::from_env()?);
    lambda_http::run(service_fn(async |request: Request| Ok::<_, Error>(route::route(&site, &request)))).await
}
