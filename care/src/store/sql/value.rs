//! Values on their way into a statement.

use std::borrow::Cow;
use std::sync::Arc;

/// A value with its type; `None` is SQL's NULL of that type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'q> {
    /// A `BIGINT`.
    Integer(Option<i64>),
    /// A `DOUBLE PRECISION`.
    Float(Option<f64>),
    /// A `TEXT`.
    Text(Option<Cow<'q, str>>),
    /// A `TEXT` that others hold too: what goes into many rows is not copied into each.
    Shared(Arc<str>),
    /// Bytes.
    Bytes(Option<Cow<'q, [u8]>>),
}

impl Value<'_> {
    /// The text as PostgreSQL can hold it: it has no character 0, which stands as its picture instead.
    pub(in crate::store) fn storable(text: Cow<'_, str>) -> Cow<'_, str> {
        if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{2400}")) } else { text }
    }
}

/// What can be bound.
pub trait IntoValue<'q> {
    /// The value, where there is one.
    fn into_value(self) -> Value<'q>;
    /// The NULL of this type.
    fn null() -> Value<'q>;
}

impl<'q> IntoValue<'q> for i64 {
    fn into_value(self) -> Value<'q> {
        Value::Integer(Some(self))
    }
    fn null() -> Value<'q> {
        Value::Integer(None)
    }
}

impl<'q> IntoValue<'q> for f64 {
    fn into_value(self) -> Value<'q> {
        Value::Float(Some(self))
    }
    fn null() -> Value<'q> {
        Value::Float(None)
    }
}

impl<'q> IntoValue<'q> for &'q str {
    fn into_value(self) -> Value<'q> {
        Value::Text(Some(Cow::Borrowed(self)))
    }
    fn null() -> Value<'q> {
        Value::Text(None)
    }
}

impl<'q> IntoValue<'q> for Arc<str> {
    fn into_value(self) -> Value<'q> {
        Value::Shared(self)
    }
    fn null() -> Value<'q> {
        Value::Text(None)
    }
}

impl<'q> IntoValue<'q> for String {
    fn into_value(self) -> Value<'q> {
        Value::Text(Some(Cow::Owned(self)))
    }
    fn null() -> Value<'q> {
        Value::Text(None)
    }
}

impl<'q> IntoValue<'q> for &'q String {
    fn into_value(self) -> Value<'q> {
        self.as_str().into_value()
    }
    fn null() -> Value<'q> {
        Value::Text(None)
    }
}

impl<'q> IntoValue<'q> for &'q [u8] {
    fn into_value(self) -> Value<'q> {
        Value::Bytes(Some(Cow::Borrowed(self)))
    }
    fn null() -> Value<'q> {
        Value::Bytes(None)
    }
}

impl<'q> IntoValue<'q> for Vec<u8> {
    fn into_value(self) -> Value<'q> {
        Value::Bytes(Some(Cow::Owned(self)))
    }
    fn null() -> Value<'q> {
        Value::Bytes(None)
    }
}

impl<'q, T: IntoValue<'q>> IntoValue<'q> for Option<T> {
    fn into_value(self) -> Value<'q> {
        self.map_or_else(T::null, T::into_value)
    }
    fn null() -> Value<'q> {
        T::null()
    }
}

impl<'q> IntoValue<'q> for Value<'q> {
    fn into_value(self) -> Value<'q> {
        self
    }
    fn null() -> Value<'q> {
        Value::Text(None)
    }
}
