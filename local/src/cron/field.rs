//! One field of EventBridge's cron, written out as the plain list of values that every dialect understands.

/// The values and the forms of a field.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    least: u16,
    most: u16,
    /// Words for the values, from the least on.
    words: &'static [&'static str],
    /// Whether the field takes `a/n`.
    steps: bool,
    /// Translates the field's special forms, such as `L`, into the dialect without words.
    special: fn(&Field, &str) -> Option<String>,
}

const PLAIN: Field = Field { name: "", least: 0, most: 59, words: &[], steps: true, special: |_, _| None };

pub(super) const MINUTES: Field = Field { name: "minutes", ..PLAIN };
pub(super) const HOURS: Field = Field { name: "hours", most: 23, ..PLAIN };
pub(super) const DAY_OF_MONTH: Field =
    Field { name: "day of month", least: 1, most: 31, special: special_day, ..PLAIN };
pub(super) const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    ..PLAIN
};
pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day of week",
    least: 1,
    most: 7,
    words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    steps: false,
    special: special_weekday,
};
pub(super) const YEAR: Field = Field { name: "year", least: 1970, most: 2199, ..PLAIN };

fn special_day(field: &Field, text: &str) -> Option<String> {
    match text.strip_suffix('W') {
        None => (text == "L").then(|| "L".to_owned()),
        Some(day) => field.value(day).map(|day| format!("{day}W")),
    }
}

fn special_weekday(field: &Field, text: &str) -> Option<String> {
    if text == "L" {
        return Some(field.most.to_string());
    }
    if let Some((day, nth)) = text.split_once('#') {
        let nth: u8 = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        return field.value(day).map(|day| format!("{day}#{nth}"));
    }
    text.strip_suffix('L').and_then(|day| field.value(day)).map(|day| format!("{day}L"))
}

impl Field {
    /// The field's text as a list of values, or as `*` for all.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        if text == "*" {
            return Ok("*".to_owned());
        }
        let items: Option<Vec<String>> = text.split(',').map(|item| self.item(item)).collect();
        let items = items.ok_or_else(|| format!("{text} is no {}", self.name))?;
        if items.len() > 1 && text.contains('#') {
            return Err(format!("{text}: AWS takes nothing else beside a #"));
        }
        Ok(items.join(","))
    }

    /// `a`, `a-b`, `a/n`, `a-b/n`, `*/n` or a special form. A range may go past the end: `22-2`.
    fn item(&self, text: &str) -> Option<String> {
        if let Some(special) = (self.special)(self, text) {
            return Some(special);
        }
        let (range, step) = match text.split_once('/') {
            Some((range, step)) if self.steps => (range, Some(step.parse().ok().filter(|step| *step > 0)?)),
            Some(_) => return None,
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if range == "*" => (self.least, self.most),
            None => (self.value(range)?, if step.is_some() { self.most } else { self.value(range)? }),
        };
        let round = self.most - self.least + 1;
        let length = (last + round - first) % round;
        let values = (0..=length).step_by(step.unwrap_or(1)).map(|n| self.least + (first - self.least + n) % round);
        Some(values.map(|value| value.to_string()).collect::<Vec<_>>().join(","))
    }

    fn value(&self, text: &str) -> Option<u16> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let value = match word {
            Some(place) => self.least + u16::try_from(place).ok()?,
            None => text.parse().ok()?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_written_out_as_its_values() {
        for (field, text, values) in [
            (&MINUTES, "50/4", "50,54,58"),
            (&MINUTES, "*/20", "0,20,40"),
            (&HOURS, "22-1,5", "22,23,0,1,5"),
            (&HOURS, "20-2/3", "20,23,2"),
            (&MONTH, "nov-Feb", "11,12,1,2"),
            (&DAY_OF_WEEK, "MON-WED,SAT", "2,3,4,7"),
            (&DAY_OF_WEEK, "FRIL", "6L"),
            (&DAY_OF_MONTH, "15W,L", "15W,L"),
        ] {
            assert_eq!(field.expand(text).as_deref(), Ok(values), "{} {text}", field.name);
        }
    }
}
