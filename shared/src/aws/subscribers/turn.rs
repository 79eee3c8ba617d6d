//! Turns at a slow endpoint, where one attempt at a time is made. Its row says until when one has the turn; whoever takes it,
//! and ends it, does so on condition that the row still says what they have seen.

use domain::time::Millis;

use super::{Endpoint, Subscribers};
use crate::aws::row::number;
use crate::error::Error;

impl Subscribers {
    /// Notes that an endpoint is slow, and that the first turn is the caller's until then; `false` if another has noted it.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn note_slow(&self, endpoint: &Endpoint, until: Millis) -> Result<bool, Error> {
        let request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression("SET slow_until = :until")
            .condition_expression("id = :id AND attribute_not_exists(slow_until)")
            .expression_attribute_values(":until", number(until.0));
        Ok(self.change_endpoint(request).await?.is_some())
    }

    /// Takes the turn until then, if the last one was over at `seen`; `false` if another was first.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn take_turn(&self, endpoint: &Endpoint, seen: Millis, until: Millis) -> Result<bool, Error> {
        let request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression("SET slow_until = :until")
            .condition_expression("id = :id AND slow_until = :seen")
            .expression_attribute_values(":until", number(until.0))
            .expression_attribute_values(":seen", number(seen.0));
        Ok(self.change_endpoint(request).await?.is_some())
    }

    /// Ends the turn that lasted until `ours`: the next may be taken from `next` on, or nobody waits for one any more.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should. Then the turn ends by itself.
    pub async fn end_turn(&self, endpoint: &Endpoint, ours: Millis, next: Option<Millis>) -> Result<(), Error> {
        let update = if next.is_some() { "SET slow_until = :next" } else { "REMOVE slow_until" };
        let mut request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression(update)
            .condition_expression("id = :id AND slow_until = :ours")
            .expression_attribute_values(":ours", number(ours.0));
        if let Some(next) = next {
            request = request.expression_attribute_values(":next", number(next.0));
        }
        self.change_endpoint(request).await.map(drop)
    }
}
