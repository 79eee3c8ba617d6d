//! `tidings cancel`.

use std::time::Duration;

use clap::Args;
use tidings::token::Claims;

use super::{Failure, Stack, print, show};

const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// Cancels a notification that is still to come; one that repeats, for good.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// Its id, as `tidings send` printed it.
    id: String,
    /// Print the answer in JSON.
    #[arg(long)]
    json: bool,
}

impl Cancel {
    /// Cancels, and says so.
    pub(super) async fn run(self, stack: &Stack) -> Result<(), Failure> {
        let mut claims = Claims::new("tidings-cli", TOKEN_LIFETIME);
        claims.publish = vec!["*".to_owned()];
        let state = stack.client(&claims)?.cancel(&self.id).await?;
        if self.json {
            return Ok(print(&serde_json::to_string(&state)?)?);
        }
        Ok(print(&show::on_one_line(&format!("{} {}", state.id, state.state)))?)
    }
}
