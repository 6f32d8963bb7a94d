//! A part that most objects do not have: it takes eight bytes while it is empty.

use std::ops::{Deref, DerefMut};

/// What an empty part reads like.
pub trait Empty: Default + PartialEq + 'static {
    /// One for all.
    fn empty() -> &'static Self;
}

/// Types whose default is their emptiness.
macro_rules! empty {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::facts::rare::Empty for $name {
            fn empty() -> &'static Self {
                static EMPTY: std::sync::OnceLock<$name> = std::sync::OnceLock::new();
                EMPTY.get_or_init(Self::default)
            }
        }
    )*};
}
pub(super) use empty;

/// A part that is mostly empty. Read like the part itself.
#[derive(Clone)]
pub struct Rare<T>(Option<Box<T>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Empty> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(part) => part,
            None => T::empty(),
        }
    }
}

impl<T: Empty> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Empty> From<T> for Rare<T> {
    fn from(part: T) -> Self {
        Self((part != *T::empty()).then(|| Box::new(part)))
    }
}

impl<T: Empty> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Empty + Eq> Eq for Rare<T> {}

impl<T: Empty + std::fmt::Debug> std::fmt::Debug for Rare<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Rare<T> {
    /// The part, if there is one: to change what is in it without making one.
    pub(super) fn part(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Condition;

    #[test]
    fn an_empty_part_takes_no_memory_and_reads_as_its_default() {
        let mut part = Rare::from(Condition::default());
        assert!(part.0.is_none() && part.part().is_none());
        assert_eq!((&*part.reason, size_of_val(&part)), ("", 8));
        let empty = part.clone();
        part.reason = "Why".into();
        assert_eq!((&*part.reason, part == empty), ("Why", false));
        part.reason = "".into();
        assert_eq!(part, empty, "made and empty is empty too");
    }
}
