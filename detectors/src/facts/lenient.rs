//! Reading that never fails on a value: a wrong type, null or an unknown word is the default.
//!
//! A watch that stops at one odd object blinds nightshift for its whole kind, so a field that cannot be read is
//! treated as missing. What still fails is text that is not JSON, or that says one field twice.

use super::rare::{Empty, Rare};
use nightshift_model::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::marker::PhantomData;
use std::sync::Arc;

/// What a value can be made of. Every form that is not taken is the default.
pub(super) trait Take: Default {
    /// From `true` or `false`.
    fn bool(_: bool) -> Self {
        Self::default()
    }
    /// From a whole number; what is beyond `i64` arrives as its bound.
    fn int(_: i64) -> Self {
        Self::default()
    }
    /// From a string.
    fn text(_: &str) -> Self {
        Self::default()
    }
    /// From an array.
    fn list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    /// From an object.
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// Reads one value; the form of `#[serde(deserialize_with)]`.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Take>(d: D) -> Result<T, D::Error> {
    d.deserialize_any(Any(PhantomData))
}

/// A value read with [`lenient`], where a type is asked for.
pub(super) struct Lenient<T>(pub(super) T);

impl<'de, T: Take> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        lenient(d).map(Self)
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Take> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, v: bool) -> Result<T, E> {
        Ok(T::bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<T, E> {
        Ok(T::int(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<T, E> {
        Ok(T::int(i64::try_from(v).unwrap_or(i64::MAX)))
    }
    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_str<E>(self, v: &str) -> Result<T, E> {
        Ok(T::text(v))
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<T, D::Error> {
        d.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        T::list(seq)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}

/// Structs with derived `Deserialize` whose every field is lenient: taken from an object only.
macro_rules! take_object {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::facts::lenient::Take for $name {
            fn map<'de, A: serde::de::MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                serde::Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }
    )*};
}
pub(super) use take_object;

/// Facts are read through their wire form, from any JSON.
macro_rules! read_through {
    ($facts:ty, $wire:ty) => {
        impl<'de> serde::Deserialize<'de> for $facts {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                $crate::facts::lenient::lenient::<D, $wire>(d).map(Self::from)
            }
        }
    };
}
pub(super) use read_through;

impl Take for bool {
    fn bool(v: bool) -> Self {
        v
    }
    fn text(v: &str) -> Self {
        v.eq_ignore_ascii_case("true") // conditions say "True"
    }
}

impl Take for i64 {
    fn int(v: i64) -> Self {
        v
    }
    fn text(v: &str) -> Self {
        v.parse().unwrap_or_default() // IntOrString, annotations, resourceVersion
    }
}

impl Take for u64 {
    fn int(v: i64) -> Self {
        Self::try_from(v).unwrap_or_default()
    }
    fn text(v: &str) -> Self {
        v.parse().unwrap_or_default()
    }
}

impl Take for u32 {
    fn int(v: i64) -> Self {
        if v < 0 { 0 } else { Self::try_from(v).unwrap_or(Self::MAX) }
    }
    fn text(v: &str) -> Self {
        v.parse().unwrap_or_default()
    }
}

impl Take for i32 {
    fn int(v: i64) -> Self {
        Self::try_from(v).unwrap_or(-1)
    }
    fn text(v: &str) -> Self {
        v.parse().unwrap_or_default()
    }
}

impl Take for Arc<str> {
    fn text(v: &str) -> Self {
        v.into()
    }
}

impl Take for Option<u32> {
    fn int(v: i64) -> Self {
        Some(Take::int(v))
    }
    fn text(v: &str) -> Self {
        v.parse().ok()
    }
}

/// `1970-01-01T00:00:00Z` is how the kubelet writes "never" (a container that could not be started).
impl Take for Option<Timestamp> {
    fn text(v: &str) -> Self {
        v.parse().ok().filter(|at| *at > Timestamp::EPOCH)
    }
}

impl Take for Box<[Arc<str>]> {
    fn list<'de, A: SeqAccess<'de>>(seq: A) -> Result<Self, A::Error> {
        Vec::<Arc<str>>::list(seq).map(Vec::into_boxed_slice)
    }
}

impl<T: Take + Empty> Take for Rare<T> {
    fn list<'de, A: SeqAccess<'de>>(seq: A) -> Result<Self, A::Error> {
        T::list(seq).map(Self::from)
    }
    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::map(map).map(Self::from)
    }
}

impl<T: Take> Take for Vec<T> {
    fn list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut all = Self::new();
        while let Some(Lenient(one)) = seq.next_element()? {
            all.push(one);
        }
        Ok(all)
    }
}
