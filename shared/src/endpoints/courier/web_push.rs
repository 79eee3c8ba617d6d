//! A browser, through its maker's push service.

use bytes::Bytes;
use domain::time::Millis;

use super::{Courier, Made, Outcome, wish};
use crate::endpoints::parcel::Parcel;
use crate::endpoints::target::WebPush;
use crate::endpoints::url::PublicUrl;
use crate::endpoints::web_push::{self, PushRequest, Signed, VapidKeys};
use crate::error::Error;

/// For how long a push service keeps what has no `ttl` of its own, in seconds: a day, after which few still want it.
const KEPT: u32 = 24 * 60 * 60;

pub(super) async fn attempt(
    courier: &Courier,
    target: &WebPush,
    parcel: &Parcel<'_>,
    now: Millis,
) -> Result<Made, Error> {
    let keys = courier.vapid_keys.get_or_try_init(|| read_keys(courier)).await?;
    let ttl = parcel.ttl.map_or(KEPT, |ttl| u32::try_from(ttl.max(0)).unwrap_or(u32::MAX));
    let token = token(courier, keys, &web_push::origin(target.subscription.endpoint.as_url()), now).await?;
    let PushRequest { url, headers, body } = PushRequest::new(&target.subscription, &token, parcel, ttl)?;
    let Ok(url) = PublicUrl::parse(url.as_str(), &courier.kinds.urls) else {
        return Ok(Made::because(Outcome::Hindered, "forbidden_url"));
    };
    let answer = match courier.client.get().await?.post(&url, headers, Bytes::from(body)).await {
        Ok(answer) => answer,
        Err(unreachable) => return Ok(Made::unreachable(unreachable)),
    };
    let after = answer.retry_after_seconds.map(std::time::Duration::from_secs);
    let outcome = match web_push::Outcome::of(answer.status, after) {
        web_push::Outcome::Delivered => Outcome::Delivered,
        web_push::Outcome::Gone => Outcome::Gone,
        web_push::Outcome::TooLarge => Outcome::Refused,
        web_push::Outcome::Retry { after } => Outcome::Failed { wish: wish(after.map(|after| after.as_secs())) },
    };
    Ok(Made::answered(outcome, answer))
}

/// The token for a push service: this process's, another's, or a new one.
async fn token(courier: &Courier, keys: &VapidKeys, origin: &str, now: Millis) -> Result<Signed, Error> {
    if let Some(kept) = keys.kept(origin, now) {
        return Ok(kept);
    }
    let ours = keys.sign(origin, now)?;
    // One more token is better than no push.
    let shared = courier.vapid_tokens.share(keys, origin, &ours).await.unwrap_or_else(|error| {
        error.log();
        ours
    });
    keys.keep(origin.to_owned(), shared.clone(), now);
    Ok(shared)
}

async fn read_keys(courier: &Courier) -> Result<VapidKeys, Error> {
    let secret = courier.vapid.current().await?;
    let failed = |cause: String| Error::Failed { call: "read the VAPID keys", cause };
    let keys = VapidKeys::parse(&secret).map_err(|error| failed(error.to_string()))?;
    // Browsers have subscribed with the one, and push services would refuse what is signed with another.
    if courier.kinds.web_push.as_deref() == Some(keys.public_key()) {
        return Ok(keys);
    }
    Err(failed("the public key in the secret VapidSecret is not the parameter VapidPublicKey".to_owned()))
}
