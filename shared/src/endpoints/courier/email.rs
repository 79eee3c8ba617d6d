//! A mailbox, through SES.

use domain::time::Millis;

use super::{Courier, Made, Outcome};
use crate::aws::cap::{Allowance, Capped};
use crate::endpoints::email::Mail;
use crate::endpoints::parcel::Parcel;
use crate::endpoints::target::Email;
use crate::error::Error;

pub(super) async fn attempt(
    courier: &Courier,
    target: &Email,
    parcel: &Parcel<'_>,
    now: Millis,
) -> Result<Made, Error> {
    let Some(mail) = Mail::of(parcel) else { return Ok(Made::only(Outcome::Nothing)) };
    match courier.caps.take(Capped::Email, courier.kinds.email_cap, now).await? {
        Allowance::Reached { until } => Ok(Made::because(Outcome::PutOff(until), "daily_cap")),
        Allowance::Taken => courier.mailer.send(&target.address, &mail).await.map(Made::handed),
    }
}
