//! What a device says of itself: text is bounded and printable, and nothing is believed that is too short.

use devices::about::{self, AboutError, TEXT_CHARS_MAX};
use devices::{Uuid16, features, models};

use super::supply::Supply;

/// One byte chooses the characteristic, the rest is its value.
///
/// # Panics
/// When a function panics or breaks what it promises.
pub fn about(data: &[u8]) {
    let mut supply = Supply::new(data);
    let choice = supply.byte();
    let value = supply.rest();
    match choice % 8 {
        0 => match about::battery_percent(value) {
            Ok(percent) => assert!(percent <= 100),
            Err(error) => assert!(value.first().is_none_or(|first| *first > 100), "{error}"),
        },
        1 => match about::system_id(value) {
            Ok(id) => assert!(value.len() >= 8 && id.to_string().len() == 16),
            Err(AboutError::Blank { .. }) => assert!(value.len() >= 8),
            Err(error) => assert!(value.len() < 8, "{error}"),
        },
        2..4 => {
            let uuid = Uuid16(u16::from(choice));
            if let Ok(text) = about::text(uuid, value) {
                assert!((1..=TEXT_CHARS_MAX).contains(&text.chars().count()), "{text:?}");
                assert!(!text.chars().any(char::is_control) && text.trim() == text, "{text:?}");
                // Two names a device may tell; whatever they are, they name a model of the table or none.
                let _ = (models::find(&text), models::identify(Some(&text), &text));
            }
        }
        4 => is_total(features::weight_scale(value), value, 4),
        5 => is_total(features::body_composition(value), value, 4),
        6 => is_total(features::blood_pressure(value), value, 2),
        _ => is_total(features::oximeter(value), value, 2),
    }
}

fn is_total<T>(answer: Result<T, AboutError>, value: &[u8], needs_bytes: usize) {
    match answer {
        Ok(_) => assert!(value.len() >= needs_bytes),
        Err(AboutError::TooShort { has_bytes, needs_bytes: needs, .. }) => {
            assert!(has_bytes == value.len() && needs == needs_bytes && has_bytes < needs);
        }
        Err(error) => panic!("{error}"),
    }
}
