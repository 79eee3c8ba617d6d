//! The part of a notification that a person sees, where room is short.

use crate::outgoing_delivery::OutgoingDelivery;
use crate::shorten;

/// A notification's readable parts. None is blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadableText {
    /// The title.
    pub(crate) title: Option<String>,
    /// The body.
    pub(crate) body: Option<String>,
    /// Where a click leads.
    pub(crate) url: Option<String>,
}

impl ReadableText {
    /// All of it.
    #[must_use]
    pub(crate) fn of(delivery: &OutgoingDelivery<'_>) -> Self {
        let [title, body, url] =
            [delivery.title(), delivery.body(), delivery.url()].map(|text| text.map(ToOwned::to_owned));
        Self { title, body, url }
    }

    /// With something done to each part.
    #[must_use]
    pub(crate) fn map(self, change: impl Fn(&str) -> String) -> Self {
        let [title, body, url] = [self.title, self.body, self.url].map(|text| text.map(|text| change(&text)));
        Self { title, body, url }
    }

    /// As much of it as fits; what fits must still fit when it is shorter. The body is cut first, the title only where it
    /// alone is too much. An address is never cut, since half of one leads nowhere: where it leaves no room for a word, it
    /// is left out.
    #[must_use]
    pub(crate) fn fit(self, fits: impl Fn(&Self) -> bool) -> Self {
        if fits(&self) {
            return self;
        }
        let a_word = || Some("…".to_owned());
        let url = self.url.filter(|url| fits(&Self { title: a_word(), body: a_word(), url: Some(url.clone()) }));
        let title = self.title.and_then(|title| {
            let with = |title: &str| Self { title: Some(title.to_owned()), body: None, url: url.clone() };
            some(shorten::to_fit(&title, |title| fits(&with(title))))
        });
        let body = self.body.and_then(|body| {
            let with = |body: &str| Self { title: title.clone(), body: Some(body.to_owned()), url: url.clone() };
            some(shorten::to_fit(&body, |body| fits(&with(body))))
        });
        Self { title, body, url }
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(title: usize, body: usize, url: usize) -> ReadableText {
        let of = |letter: &str, length: usize| some(letter.repeat(length));
        ReadableText { title: of("t", title), body: of("b", body), url: of("u", url) }
    }

    fn lengths(shown: &ReadableText) -> [usize; 3] {
        [&shown.title, &shown.body, &shown.url].map(|text| text.as_deref().unwrap_or_default().chars().count())
    }

    #[test]
    fn the_body_goes_first_then_the_title_and_an_address_is_whole_or_gone() {
        let cut = |before: ReadableText| lengths(&before.fit(|shown| lengths(shown).iter().sum::<usize>() <= 100));
        assert_eq!(cut(shown(20, 50, 30)), [20, 50, 30]);
        assert_eq!(cut(shown(20, 51, 30)), [20, 50, 30]);
        assert_eq!(cut(shown(90, 50, 30)), [70, 0, 30]);
        assert_eq!(cut(shown(0, 300, 98)), [0, 2, 98]);
        assert_eq!(cut(shown(0, 300, 99)), [0, 100, 0]);
    }
}
