//! Web Push: a notification for a browser, through the push service of its maker.
//!
//! - [`Subscription`] is what the browser gave its page, and the page gave us (Push API of the W3C).
//! - `message` is what its service worker is handed, cut to what push services take.
//! - `encryption` hides it from the push service (RFC 8291), [`VapidKeys`] tell the service whose it is (RFC 8292).
//! - [`PushRequest`] puts these into one request (RFC 8030), and [`Outcome`] reads the answer.
//!
//! Nothing in here does anything: whoever makes the attempt posts the request.

mod encryption;
mod message;
mod outcome;
mod request;
mod subscription;
mod vapid;

pub use outcome::Outcome;
pub use request::PushRequest;
pub use subscription::{Auth, Keys, PublicKey, PushUrl, Subscription};
pub use vapid::{InvalidKeys, Signed, VapidKeys, origin};
