//! The number of parts of a text message: each is paid for.
//!
//! A message has 140 bytes. A text of GSM's own alphabet (3GPP TS 23.038) has seven bits a character, any other two bytes a UTF-16
//! unit; one that needs several parts gives six bytes of each to what puts them together again (3GPP TS 23.040).

/// The longest text that fits one part, and the length of each part of a longer one: in septets, and in UTF-16 units.
const GSM: (usize, usize) = (160, 153);
const UNICODE: (usize, usize) = (70, 67);

/// The alphabet besides ASCII letters and digits; and what is two characters in it.
const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// In how many parts a text is sent.
pub(super) fn count(text: &str) -> usize {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    match septets {
        Some(widths) => of(&widths, GSM),
        None => of(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), UNICODE),
    }
}

fn septets(c: char) -> Option<usize> {
    match c {
        c if c.is_ascii_alphanumeric() || ALPHABET.contains(c) => Some(1),
        c if EXTENSION.contains(c) => Some(2),
        _ => None,
    }
}

/// No part ends within a character.
fn of(widths: &[usize], (alone, each): (usize, usize)) -> usize {
    if widths.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut parts, mut room) = (1, each);
    for width in widths {
        if *width > room {
            (parts, room) = (parts + 1, each);
        }
        room -= width;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_gsms_alphabet_has_160_characters_or_parts_of_153() {
        for (length, parts) in [(0, 1), (1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (1530, 10), (1600, 11)] {
            assert_eq!(count(&"a".repeat(length)), parts, "{length}");
            assert_eq!(count(&"é".repeat(length)), parts, "{length}");
        }
        assert_eq!(count("Grüße: £5 & ¿qué?\nΩ"), 1);
    }

    #[test]
    fn what_is_two_characters_counts_twice_and_is_not_split() {
        assert_eq!((count(&"€".repeat(80)), count(&"€".repeat(81))), (1, 2));
        // A part of 153 holds 76 of them, and one septet is left over.
        assert_eq!((count(&"€".repeat(152)), count(&"€".repeat(153))), (2, 3));
    }

    #[test]
    fn any_other_character_makes_all_of_a_text_unicode() {
        for (length, parts) in [(69, 1), (70, 2), (133, 2), (134, 3)] {
            assert_eq!(count(&format!("…{}", "a".repeat(length))), parts, "{length}");
        }
        assert_eq!((count(&"🦀".repeat(35)), count(&"🦀".repeat(36))), (1, 2));
        // A part of 67 holds 33 of them.
        assert_eq!((count(&"🦀".repeat(66)), count(&"🦀".repeat(67))), (2, 3));
        assert_eq!(count(&"я".repeat(1600)), 24);
        assert_eq!(count(&"ê".repeat(71)), 2, "a letter that looks as if it were in the alphabet");
    }
}
