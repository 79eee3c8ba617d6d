//! One channel's notifications, each once and in order.
//!
//! Pushes come late, doubled, in any order or not at all, and a replay looks like a push. What can be trusted is the
//! answer to `subscribe`: all that it covers came before it on the same connection.

use std::collections::BTreeMap;

use crate::frame::Subscribed;
use crate::item::Item;

/// The next event for the application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The next notification.
    Item(Box<Item>),
    /// Notifications between the two seqs, both exclusive, may have expired unseen.
    Gap { after: u64, resumed_at: u64 },
    /// The log is not the one that `after` was of; it goes on behind `seq`.
    Reset { after: u64, seq: u64 },
}

/// The order of one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ordering {
    /// The newest seq that the application has, or that a gap or reset was reported up to.
    cursor: Option<u64>,
    /// Notifications that came before their turn.
    held: BTreeMap<u64, Item>,
    /// Whether a `subscribe` was answered on this connection. Until then the log may turn out to be another one, or
    /// older notifications may come, so nothing is handed on.
    confirmed: bool,
    /// The cursor behind which a loss was reported that did not move it. Answers repeat it for as long as nothing
    /// follows.
    gap_told: Option<u64>,
}

impl Ordering {
    /// Goes on behind `cursor`, or, if nothing is known, with what the first answer brings.
    pub(crate) fn new(cursor: Option<u64>) -> Self {
        Self { cursor, ..Self::default() }
    }

    /// The newest seq that the application has, or that a gap or reset was reported up to.
    pub(crate) fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// Whether something waits for what is missing before it.
    pub(crate) fn has_gap(&self) -> bool {
        self.confirmed && !self.held.is_empty()
    }

    /// The number of notifications that wait for their turn.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// A new connection: nothing of the old one counts any more, its first answer brings what was held.
    pub(crate) fn restart(&mut self) {
        self.held.clear();
        self.confirmed = false;
    }

    /// Takes in the items of a frame that was pushed.
    pub(crate) fn take(&mut self, items: Vec<Item>) -> Vec<Step> {
        let mut steps = self.hold(items);
        if self.confirmed {
            self.hand_on_what_follows(&mut steps);
        }
        steps
    }

    /// Takes in the items of a frame that was replayed: what follows the cursor need not wait for the rest of the answer, since
    /// no other log has it there.
    pub(crate) fn take_replayed(&mut self, items: Vec<Item>) -> Vec<Step> {
        let replayed: Vec<u64> = items.iter().filter_map(|item| item.seq).collect();
        let mut steps = self.hold(items);
        for seq in replayed {
            let follows = self.cursor.is_some_and(|cursor| cursor.checked_add(1) == Some(seq));
            if follows && let Some(item) = self.held.remove(&seq) {
                steps.push(Step::Item(Box::new(item)));
                self.cursor = Some(seq);
            }
        }
        steps
    }

    /// Keeps what has a place until its turn, and returns what has none.
    fn hold(&mut self, items: Vec<Item>) -> Vec<Step> {
        let mut steps = Vec::new();
        for item in items {
            match item.seq {
                // Not stored: it has no place, and nobody promises that it comes once.
                None => steps.push(Step::Item(Box::new(item))),
                Some(seq) if self.confirmed && self.cursor.is_some_and(|cursor| seq <= cursor) => {}
                Some(seq) => {
                    self.held.entry(seq).or_insert(item);
                }
            }
        }
        steps
    }

    /// Takes in the answer to a `subscribe` that asked behind `after` on this connection: an older one is as true as the last.
    /// If the cursor then lies before the answer's `seq`, there is more to ask for.
    pub(crate) fn answered(&mut self, after: Option<u64>, answer: &Subscribed) -> Vec<Step> {
        let mut steps = Vec::new();
        self.confirmed = true;
        if self.cursor.is_none() && !self.held.is_empty() {
            return self.begin(answer.seq);
        }
        if after.is_none() && self.cursor.is_some() {
            // Asked before anything was known: it does not say what lies between the cursor and its items.
            self.hand_on_what_follows(&mut steps);
            return steps;
        }
        if answer.reset {
            if self.cursor != after {
                // Another answer has told of this reset already.
                return steps;
            }
            steps.extend(self.cursor.map(|after| Step::Reset { after, seq: answer.seq }));
            self.cursor = None;
            self.gap_told = None;
        }
        if let Some(cursor) = self.cursor {
            self.held = self.held.split_off(&cursor.saturating_add(1));
        }
        let lossy = self.is_lossy(after, answer);
        self.hand_on_up_to(answer.seq, lossy, &mut steps);
        self.hand_on_what_follows(&mut steps);
        steps
    }

    /// The first answer where no seq was known. A live push may be older than the newest notifications that were
    /// asked for, so an answer without `after` says nothing of what lies between them: only what follows the oldest
    /// without a hole is handed on. The rest is asked for, now that there is a seq to ask with. If the oldest is newer
    /// than the answer, it is a push that overtook others: all behind the answer's `end` is still to come.
    fn begin(&mut self, end: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        self.cursor = self.held.keys().next().map(|first| first.saturating_sub(1).min(end));
        self.hand_on_what_follows(&mut steps);
        steps
    }

    /// Whether an answer leaves open that something expired. While the question was under way live pushes may have
    /// moved the cursor on without a hole: what they brought is not missing.
    fn is_lossy(&self, after: Option<u64>, answer: &Subscribed) -> bool {
        let overtaken = self.cursor > after && Some(answer.seq) <= self.cursor;
        !answer.recovered && !answer.reset && after.is_some() && !overtaken
    }

    /// Hands on what an answer covers. One that is lossy does not say where: each hole may be what expired.
    fn hand_on_up_to(&mut self, end: u64, lossy: bool, steps: &mut Vec<Step>) {
        let later = self.held.split_off(&end.saturating_add(1));
        let mut untold = lossy;
        for (seq, item) in std::mem::replace(&mut self.held, later) {
            if lossy && let Some(after) = self.cursor.filter(|cursor| cursor.saturating_add(1) < seq) {
                steps.push(Step::Gap { after, resumed_at: seq });
                untold = false;
            }
            steps.push(Step::Item(Box::new(item)));
            self.cursor = Some(seq);
        }
        if let Some(after) = self.cursor.filter(|cursor| untold || (lossy && *cursor < end)) {
            self.tell_of_a_loss_at_the_end(after, end, steps);
        }
        self.cursor = self.cursor.max(Some(end));
    }

    fn tell_of_a_loss_at_the_end(&mut self, after: u64, end: u64, steps: &mut Vec<Step>) {
        if after < end || self.gap_told != Some(after) {
            steps.push(Step::Gap { after, resumed_at: end.max(after).saturating_add(1) });
        }
        self.gap_told = Some(after.max(end));
    }

    fn hand_on_what_follows(&mut self, steps: &mut Vec<Step>) {
        while let Some(next) = self.cursor.and_then(|cursor| cursor.checked_add(1))
            && let Some(item) = self.held.remove(&next)
        {
            steps.push(Step::Item(Box::new(item)));
            self.cursor = Some(next);
        }
    }
}

#[cfg(test)]
mod cases;

#[cfg(test)]
mod tests {
    use super::*;

    fn items(seqs: &[u64]) -> Vec<Item> {
        seqs.iter().map(|seq| Item { seq: Some(*seq), ..Item::default() }).collect()
    }

    fn answer(seq: u64) -> Subscribed {
        Subscribed { seq, recovered: true, reset: false, more: false, reference: None }
    }

    fn lost(seq: u64) -> Subscribed {
        Subscribed { recovered: false, ..answer(seq) }
    }

    fn seqs(steps: &[Step]) -> Vec<u64> {
        let seq = |step: &Step| match step {
            Step::Item(item) => item.seq,
            Step::Gap { .. } | Step::Reset { .. } => None,
        };
        steps.iter().filter_map(seq).collect()
    }

    /// An ordering whose connection was confirmed at `cursor`.
    fn at(cursor: u64) -> Ordering {
        let mut ordering = Ordering::new(Some(cursor));
        assert_eq!(ordering.answered(Some(cursor), &answer(cursor)), []);
        ordering
    }

    #[test]
    fn without_a_cursor_live_pushes_wait_for_the_replay() {
        let mut ordering = Ordering::new(None);
        assert_eq!(ordering.take(items(&[8])), []);
        assert_eq!(ordering.take(items(&[5, 6, 7])), []);
        assert_eq!(seqs(&ordering.answered(None, &answer(7))), [5, 6, 7, 8]);
        assert_eq!(ordering.cursor(), Some(8));
    }

    #[test]
    fn without_a_cursor_a_push_from_before_the_replay_leaves_nothing_out() {
        let mut ordering = Ordering::new(None);
        assert_eq!(ordering.take(items(&[3, 1])), []);
        assert_eq!(ordering.take(items(&[3, 4])), []);
        assert_eq!(seqs(&ordering.answered(None, &answer(5))), [1]);
        assert_eq!(ordering.take(items(&[2])).len(), 3);
        assert_eq!(ordering.answered(Some(1), &answer(5)), []);
        assert_eq!(ordering.cursor(), Some(5));
    }

    #[test]
    fn without_a_cursor_a_push_that_overtook_others_waits_for_them() {
        let mut ordering = Ordering::new(None);
        assert_eq!(ordering.take(items(&[3])), []);
        assert_eq!(ordering.answered(None, &answer(0)), []);
        assert!(ordering.has_gap());
        assert_eq!(seqs(&ordering.take(items(&[1, 2]))), [1, 2, 3]);
    }

    #[test]
    fn without_a_cursor_what_is_hidden_behind_the_last_item_is_asked_past() {
        let mut ordering = Ordering::new(None);
        assert_eq!(ordering.take(items(&[3])), []);
        assert_eq!(seqs(&ordering.answered(None, &answer(5))), [3]);
        assert_eq!(ordering.answered(Some(3), &answer(5)), []);
        assert_eq!(seqs(&ordering.take(items(&[6]))), [6]);
    }

    #[test]
    fn the_same_loss_is_reported_once() {
        let mut ordering = at(41);
        assert_eq!(ordering.answered(Some(41), &lost(41)), [Step::Gap { after: 41, resumed_at: 42 }]);
        ordering.restart();
        assert_eq!(ordering.answered(Some(41), &lost(41)), []);
        assert_eq!(ordering.answered(Some(41), &lost(45)), [Step::Gap { after: 41, resumed_at: 46 }]);
        assert_eq!(ordering.answered(Some(45), &lost(45)), []);
    }

    #[test]
    fn a_frame_of_several_items_is_put_in_order() {
        assert_eq!(seqs(&at(41).take(items(&[44, 42, 43, 42]))), [42, 43, 44]);
    }

    #[test]
    fn what_the_application_has_is_dropped() {
        let mut ordering = at(41);
        assert_eq!(seqs(&ordering.take(items(&[42]))), [42]);
        assert_eq!(ordering.take(items(&[41, 42])), []);
        assert!(!ordering.has_gap());
    }

    #[test]
    fn a_seq_that_jumps_is_held_until_what_is_missing_comes() {
        let mut ordering = at(41);
        assert_eq!(ordering.take(items(&[43])), []);
        assert!(ordering.has_gap());
        assert_eq!(seqs(&ordering.take(items(&[42]))), [42, 43]);
        assert!(!ordering.has_gap());
    }

    #[test]
    fn a_replay_that_live_pushes_overtook_doubles_nothing() {
        let mut ordering = at(41);
        assert_eq!(seqs(&ordering.take(items(&[42, 43, 44]))), [42, 43, 44]);
        assert_eq!(ordering.take(items(&[42, 43])), []);
        assert_eq!(ordering.answered(Some(41), &answer(43)), []);
        assert_eq!(ordering.cursor(), Some(44));
    }

    #[test]
    fn the_answer_may_stand_past_the_last_item() {
        let mut ordering = at(41);
        assert_eq!(ordering.take(items(&[43, 46])), []);
        assert_eq!(seqs(&ordering.answered(Some(41), &answer(45))), [43, 46]);
    }

    #[test]
    fn an_answer_that_ends_before_a_hole_keeps_what_lies_behind_it() {
        let mut ordering = at(41);
        assert_eq!(ordering.take(items(&[44])), []);
        assert_eq!(seqs(&ordering.take(items(&[42]))), [42]);
        assert_eq!(ordering.answered(Some(41), &answer(42)), []);
        assert!(ordering.has_gap());
    }

    #[test]
    fn a_loss_is_reported_before_what_follows_it() {
        let mut ordering = at(41);
        assert_eq!(ordering.take(items(&[50, 51, 53])), []);
        assert!(ordering.has_gap());
        let steps = ordering.answered(Some(41), &lost(51));
        assert_eq!(steps[0], Step::Gap { after: 41, resumed_at: 50 });
        assert_eq!(seqs(&steps), [50, 51]);
        assert!(ordering.has_gap());
    }

    #[test]
    fn a_loss_behind_the_first_items_is_reported_where_it_is() {
        let mut ordering = Ordering::new(Some(41));
        assert_eq!(ordering.take(items(&[42, 1_000])), []);
        let steps = ordering.answered(Some(41), &lost(1_000));
        assert_eq!(steps[1], Step::Gap { after: 42, resumed_at: 1_000 });
        assert_eq!(seqs(&steps), [42, 1_000]);
    }

    #[test]
    fn a_loss_behind_the_last_item_is_reported_too() {
        let mut ordering = at(41);
        assert_eq!(ordering.take(items(&[43])), []);
        let steps = ordering.answered(Some(41), &lost(50));
        assert_eq!(steps[0], Step::Gap { after: 41, resumed_at: 43 });
        assert_eq!(steps[2], Step::Gap { after: 43, resumed_at: 51 });
    }

    #[test]
    fn a_loss_with_nothing_left_is_reported_too() {
        let mut ordering = at(41);
        assert_eq!(ordering.answered(Some(41), &lost(45)), [Step::Gap { after: 41, resumed_at: 46 }]);
        assert_eq!(seqs(&ordering.take(items(&[46]))), [46]);
    }

    #[test]
    fn a_loss_that_live_pushes_disprove_is_not_reported() {
        let mut ordering = at(41);
        assert_eq!(seqs(&ordering.take(items(&[42, 43]))), [42, 43]);
        assert_eq!(ordering.answered(Some(41), &lost(43)), []);
    }

    #[test]
    fn a_new_generation_goes_on_when_the_answer_reaches_it() {
        let start = 1_795_000_000_000;
        let mut ordering = at(41);
        assert_eq!(ordering.take(items(&[start])), []);
        let steps = ordering.answered(Some(41), &lost(start));
        assert_eq!(steps[0], Step::Gap { after: 41, resumed_at: start });
        assert_eq!(seqs(&steps), [start]);
        assert_eq!(seqs(&ordering.take(items(&[start + 1]))), [start + 1]);
    }

    #[test]
    fn a_reset_starts_over_below_the_old_cursor() {
        let mut ordering = Ordering::new(Some(41));
        assert_eq!(ordering.take(items(&[4])), []);
        let steps = ordering.answered(Some(41), &Subscribed { reset: true, ..lost(3) });
        assert_eq!(steps[0], Step::Reset { after: 41, seq: 3 });
        assert_eq!(seqs(&steps), [4]);
        assert_eq!(ordering.cursor(), Some(4));
    }

    #[test]
    fn before_the_first_answer_even_what_seems_to_follow_waits_for_a_reset() {
        let mut ordering = Ordering::new(Some(41));
        assert_eq!(ordering.take(items(&[41, 42])), []);
        let steps = ordering.answered(Some(41), &Subscribed { reset: true, ..lost(40) });
        assert_eq!(seqs(&steps), [41, 42]);
    }

    #[test]
    fn what_is_not_stored_goes_on_at_once_and_twice_if_it_comes_twice() {
        let loose = || vec![Item::default()];
        let mut ordering = Ordering::new(None);
        assert_eq!(ordering.take(loose()).len(), 1);
        assert_eq!(ordering.take(loose()).len(), 1);
        assert_eq!(ordering.cursor(), None);
    }

    #[test]
    fn what_was_held_for_the_old_connection_is_forgotten() {
        let mut ordering = at(41);
        assert_eq!(ordering.take(items(&[43])), []);
        ordering.restart();
        assert_eq!(ordering.take(items(&[44])), []);
        assert_eq!(ordering.answered(Some(41), &answer(41)), []);
        assert_eq!(seqs(&ordering.take(items(&[42]))), [42]);
        assert!(ordering.has_gap());
    }

    #[test]
    fn the_highest_seq_is_no_trouble() {
        let mut ordering = at(u64::MAX);
        assert_eq!(ordering.take(items(&[u64::MAX])), []);
        assert_eq!(ordering.answered(Some(u64::MAX), &lost(u64::MAX)).len(), 1);
    }
}
