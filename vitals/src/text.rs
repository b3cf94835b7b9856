//! Values read out of a text where it stands, without a copy of it.
//!
//! **Invariant:** a text that is escaped, borrowed or handed over reads the same.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

/// What `of` makes of the text that comes next.
///
/// # Errors
/// That of the reader, and that of `of` in its words.
pub(crate) fn read<'de, D, T, E>(
    deserializer: D,
    of: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    deserializer.deserialize_str(TextVisitor { of, made: PhantomData })
}

struct TextVisitor<F, T> {
    of: F,
    made: PhantomData<fn() -> T>,
}

impl<F, T, E> Visitor<'_> for TextVisitor<F, T>
where
    F: FnOnce(&str) -> Result<T, E>,
    E: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<W: Error>(self, text: &str) -> Result<T, W> {
        (self.of)(text).map_err(W::custom)
    }
}

/// A key of an object as one of ours; `None` for one that only a later version knows.
pub(crate) struct Key<T>(pub(crate) Option<T>);

/// What is named by keys.
pub(crate) trait Keyed: Sized {
    /// The one with this key.
    fn of_key(key: &str) -> Option<Self>;
}

impl<'de, T: Keyed> serde::Deserialize<'de> for Key<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |key| Ok::<_, std::convert::Infallible>(Self(T::of_key(key))))
    }
}
