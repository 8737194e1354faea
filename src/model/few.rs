// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists that nearly always have one element.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// A list that nearly always has one element, and then needs no memory of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    from = "Vec<T>",
    into = "Vec<T>",
    bound(serialize = "T: Clone + Serialize")
)]
pub enum Few<T> {
    /// Only one.
    One(T),
    /// None, or several.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// An empty list.
    pub const NONE: Self = Self::Many(Vec::new());

    /// Puts an element at the end.
    pub fn push(&mut self, element: T) {
        *self = match std::mem::replace(self, Self::NONE) {
            Self::One(first) => Self::Many(vec![first, element]),
            Self::Many(elements) if elements.is_empty() => Self::One(element),
            Self::Many(mut elements) => {
                elements.push(element);
                Self::Many(elements)
            }
        };
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(element) => std::slice::from_ref(element),
            Self::Many(elements) => elements,
        }
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T> From<Vec<T>> for Few<T> {
    fn from(elements: Vec<T>) -> Self {
        elements.into_iter().collect()
    }
}

impl<T> From<Few<T>> for Vec<T> {
    fn from(few: Few<T>) -> Self {
        match few {
            Few::One(element) => vec![element],
            Few::Many(elements) => elements,
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut few = Self::NONE;
        for element in elements {
            few.push(element);
        }
        few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_elements_in_order_however_many_they_are() {
        for count in 0..4 {
            let numbers: Vec<u8> = (0..count).collect();
            let few = Few::from(numbers.clone());
            assert_eq!(&*few, numbers);
            assert_eq!(Vec::from(few), numbers);
        }
    }
}
