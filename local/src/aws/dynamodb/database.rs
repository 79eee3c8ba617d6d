//! The embedded DynamoDB: an engine over SQLite with a server of its own, behind the AWS port.

use std::{net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use dynoxide::Database as Engine;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, header, http::request::Parts};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{error::StartError, template::Table};

/// The interval between removals of expired items; DynamoDB takes up to some days.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The tables of the stack.
pub(crate) struct Database {
    engine: Engine,
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the database, in `folder` or in memory, and creates the tables that it lacks.
    pub(crate) fn open(folder: Option<&Path>, tables: &[Table]) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Database(error.to_string());
        let engine = match folder {
            Some(folder) => Engine::new(&folder.join("dynamodb.sqlite").display().to_string()),
            None => Engine::memory(),
        };
        let engine = engine.map_err(|error| failed(&error))?;
        for table in tables {
            create(&engine, table).map_err(|error| failed(&format!("table {}: {error}", table.name)))?;
        }
        let address = start_server(engine.clone()).map_err(|error| failed(&error))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { engine, address, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Passes a request on to the engine.
    pub(crate) async fn call(&self, parts: &Parts, body: Bytes) -> Result<Response<Bytes>, String> {
        let mut request = Request::post(format!("http://{}/", self.address));
        for (name, value) in &parts.headers {
            if name != header::HOST && name != header::CONTENT_LENGTH && name != header::CONNECTION {
                request = request.header(name, value);
            }
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// Removes the expired items, and returns their number.
    pub(crate) async fn sweep(&self) -> Result<usize, String> {
        let engine = self.engine.clone();
        let swept = tokio::task::spawn_blocking(move || engine.sweep_ttl()).await;
        swept.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Removes expired items at this interval, for ever.
    pub(crate) async fn keep_sweeping(&self) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(error, "expired items were not removed");
            }
        }
    }
}

/// Creates the table if it is missing, and sets its expiry, which the template may have changed since.
fn create(engine: &Engine, table: &Table) -> Result<(), String> {
    let known = engine.get_table_metadata(&table.name).map_err(|error| error.to_string())?;
    let expiry = known.as_ref().filter(|known| known.ttl_enabled).and_then(|known| known.ttl_attribute.clone());
    if known.is_none() {
        engine.create_table(request(table.definition.clone())?).map_err(|error| error.to_string())?;
    }
    if expiry == table.ttl_attribute {
        return Ok(());
    }
    // DynamoDB does not replace one attribute by another in one call.
    for (attribute, enabled) in [(expiry, false), (table.ttl_attribute.clone(), true)] {
        let Some(attribute) = attribute else { continue };
        let specification = json!({ "AttributeName": attribute, "Enabled": enabled });
        let ttl = json!({ "TableName": table.name, "TimeToLiveSpecification": specification });
        engine.update_time_to_live(request(ttl)?).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn request<T: DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| error.to_string())
}

/// The engine blocks the thread that it answers on, so it has one of its own.
fn start_server(engine: Engine) -> std::io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
        runtime.block_on(async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => dynoxide::server::serve_on(listener, engine).await,
                Err(error) => tracing::error!(%error, "the database's server did not start"),
            }
        });
    })?;
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_of_a_kept_table_follows_the_template() {
        let engine = Engine::memory().expect("an engine");
        let definition = json!({
            "TableName": "kept",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        });
        for expiry in [None, Some("one"), Some("one"), Some("other"), None] {
            let ttl_attribute = expiry.map(str::to_owned);
            let [name, logical_name, partition_key] = ["kept", "Kept", "id"].map(str::to_owned);
            let table = Table { logical_name, name, definition: definition.clone(), partition_key, ttl_attribute };
            create(&engine, &table).expect("a table");
            let kept = engine.get_table_metadata("kept").expect("an answer").expect("a table");
            assert_eq!((kept.ttl_enabled, kept.ttl_attribute.as_deref()), (expiry.is_some(), expiry));
        }
    }
}
