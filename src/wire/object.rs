//! Objects and arrays as lists of borrowed raw values.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One `"key": value` of an object.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// The key, unescaped; `None` where it holds a lone surrogate and so is no text.
    pub name: Option<Cow<'a, str>>,
    /// The key as written, with its quotes.
    pub raw_name: &'a RawValue,
    /// The value as written.
    pub value: &'a RawValue,
}

impl<'a> Field<'a> {
    /// The key by which equal names are found: the text, or what was written where it is no text.
    fn hash_key(&self) -> (bool, Cow<'a, str>) {
        match &self.name {
            Some(name) => (true, name.clone()),
            None => (false, Cow::Borrowed(self.raw_name.get())),
        }
    }

    /// The key for people: the text, or what was written where it is no text.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.raw_name.get())
    }

    /// Whether two fields have the same key: as text, or as written where it is no text.
    fn same_name(&self, other: &Self) -> bool {
        match (&self.name, &other.name) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.raw_name.get() == other.raw_name.get(),
            _ => false,
        }
    }
}

/// A JSON object: its fields in order, each key once.
#[derive(Clone, Debug, Default)]
pub struct Object<'a> {
    /// The fields in the order in which their keys first came; of a duplicate key the last value.
    pub fields: Vec<Field<'a>>,
    /// The fields that a later one of the same key replaced.
    pub overwritten: Vec<Field<'a>>,
}

/// Room for the fields of the API's own records, so that their list is allocated once.
const USUAL_KEYS: usize = 16;

impl<'a> Object<'a> {
    /// Reads an object; `None` where the value is none.
    #[must_use]
    pub fn parse(value: &'a RawValue) -> Option<Self> {
        Self::parse_text(value.get())
    }

    /// Reads an object from its text; `None` where the text is none.
    #[must_use]
    pub fn parse_text(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Reads another object in place of this one, into the same memory; whether the value is one.
    pub fn read(&mut self, value: &'a RawValue) -> bool {
        self.fields.clear();
        self.overwritten.clear();
        let mut deserializer = serde_json::Deserializer::from_str(value.get());
        let is_object = deserializer.deserialize_map(ObjectVisitor(self)).is_ok();
        if !is_object {
            self.fields.clear();
        }
        is_object
    }

    /// Adds a field; one of the same key makes way for it.
    fn add(&mut self, raw_name: &'a RawValue, value: &'a RawValue, places: &mut Places<'a>) {
        let field = Field { name: text(raw_name), raw_name, value };
        let place = if self.fields.len() <= LINEAR_KEYS {
            self.fields.iter().position(|known| known.same_name(&field))
        } else {
            place_in(self, places, &field)
        };
        match place {
            Some(place) => {
                let earlier = std::mem::replace(&mut self.fields[place], field);
                self.overwritten.push(earlier);
            }
            None => self.fields.push(field),
        }
    }

    /// Adds the fields of another object whose keys this one lacks.
    pub fn complete(&mut self, other: Self) {
        let known: HashSet<_> = self.fields.iter().map(Field::hash_key).collect();
        let is_new = |field: &Field<'a>| !known.contains(&field.hash_key());
        self.fields.extend(other.fields.into_iter().filter(is_new));
        self.overwritten.extend(other.overwritten.into_iter().filter(is_new));
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.iter().find(|field| field.name.as_deref() == Some(name)).map(|field| field.value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Self { fields: Vec::with_capacity(USUAL_KEYS), overwritten: Vec::new() };
        deserializer.deserialize_map(ObjectVisitor(&mut object))?;
        Ok(object)
    }
}

/// Fills an empty object.
struct ObjectVisitor<'o, 'a>(&'o mut Object<'a>);

/// Objects with more keys than this find duplicates by a hash set: a hostile body of a million keys
/// must not cost a million comparisons each.
const LINEAR_KEYS: usize = 32;

/// The place of each key, where there are many.
type Places<'a> = hashbrown::HashMap<(bool, Cow<'a, str>), usize>;

impl<'de: 'a, 'a> Visitor<'de> for ObjectVisitor<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut places = Places::new();
        while let Some((raw_name, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            self.0.add(raw_name, value, &mut places);
        }
        Ok(())
    }
}

/// Looks a key up among many.
fn place_in<'de>(object: &Object<'de>, places: &mut Places<'de>, field: &Field<'de>) -> Option<usize> {
    for (place, known) in object.fields.iter().enumerate().skip(places.len()) {
        places.insert(known.hash_key(), place);
    }
    places.get(&field.hash_key()).copied()
}

/// The elements of an array; `None` where the value is none.
#[must_use]
pub fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// Tells each element of an array, without holding them all; whether the value is an array.
pub fn each_element<'a>(value: &'a RawValue, tell: impl FnMut(&'a RawValue)) -> bool {
    struct Each<F>(F);

    impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Each<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
            while let Some(element) = seq.next_element()? {
                (self.0)(element);
            }
            Ok(())
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(value.get());
    deserializer.deserialize_seq(Each(tell)).is_ok()
}

/// Tells each element of an array as an object, or as it stands where it is none; whether the value is an
/// array.
pub fn each_object<'a>(
    value: &'a RawValue,
    mut tell: impl FnMut(Result<&mut Object<'a>, &'a RawValue>),
) -> bool {
    let mut told = 0;
    let mut object = Object::default();
    let mut deserializer = serde_json::Deserializer::from_str(value.get());
    let count = |object: &mut Object<'a>| {
        told += 1;
        tell(Ok(object));
    };
    if deserializer.deserialize_seq(Objects { object: &mut object, tell: count }).is_ok() {
        return true;
    }
    // No array, or an element is no object. The elements told are passed over.
    let mut place = 0_usize;
    each_element(value, |element| {
        place += 1;
        if place > told {
            tell(if object.read(element) { Ok(&mut object) } else { Err(element) });
        }
    })
}

/// The elements of an array, one after the other in the same memory.
struct Objects<'o, 'a, F> {
    object: &'o mut Object<'a>,
    tell: F,
}

impl<'de: 'a, 'a, F: FnMut(&mut Object<'a>)> Visitor<'de> for Objects<'_, 'a, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Refilled(self.object))?.is_some() {
            (self.tell)(self.object);
        }
        Ok(())
    }
}

/// Reads an object into the memory of another.
struct Refilled<'o, 'a>(&'o mut Object<'a>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for Refilled<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.fields.clear();
        self.0.overwritten.clear();
        deserializer.deserialize_map(ObjectVisitor(self.0))
    }
}

/// An object within an object within an object, read in one pass: a reply of the usual shape.
#[derive(Debug, Default)]
pub(super) struct Nested<'a> {
    /// The fields of the outer object but for the key that leads on.
    pub(super) outer: Object<'a>,
    /// The same of the middle one.
    pub(super) middle: Object<'a>,
    /// The innermost object.
    pub(super) inner: Object<'a>,
}

impl<'a> Nested<'a> {
    /// Follows two keys; `None` where one is missing, comes twice, or leads to no object.
    pub(super) fn parse(text: &'a str, keys: [&str; 2]) -> Option<Self> {
        let mut nested = Self::default();
        nested.inner.fields.reserve(USUAL_KEYS);
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let inner = Refilled(&mut nested.inner);
        let middle = Level { key: keys[1], others: &mut nested.middle, inner };
        let outer = Level { key: keys[0], others: &mut nested.outer, inner: middle };
        outer.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(nested)
    }
}

/// An object of which one key leads on.
struct Level<'o, 'a, S> {
    key: &'o str,
    others: &'o mut Object<'a>,
    inner: S,
}

impl<'de: 'a, 'a, S: DeserializeSeed<'de, Value = ()>> DeserializeSeed<'de> for Level<'_, 'a, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de: 'a, 'a, S: DeserializeSeed<'de, Value = ()>> Visitor<'de> for Level<'_, 'a, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with one {:?}", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut places = Places::new();
        let mut inner = Some(self.inner);
        while let Some(raw_name) = map.next_key::<&'de RawValue>()? {
            if text(raw_name).as_deref() == Some(self.key) {
                let inner = inner.take().ok_or_else(|| A::Error::custom("the key came before"))?;
                map.next_value_seed(inner)?;
            } else {
                self.others.add(raw_name, map.next_value()?, &mut places);
            }
        }
        if inner.is_some() { Err(A::Error::custom("the key is missing")) } else { Ok(()) }
    }
}

/// The text of a JSON string; `None` where the value is none, or holds a lone surrogate.
#[must_use]
pub fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned)
}

/// Whether the value is `null`.
#[must_use]
pub fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn fields_keep_their_own_text() {
        let object = Object::parse(raw(r#"{"a": 1.1090000000, "b\u0063": "\ud800", "d": [1, {}]}"#)).unwrap();
        let fields: Vec<_> = object.fields.iter().map(|f| (f.name.clone().unwrap(), f.value.get())).collect();
        assert_eq!(
            fields,
            [("a".into(), "1.1090000000"), ("bc".into(), r#""\ud800""#), ("d".into(), "[1, {}]")]
        );
        assert_eq!(text(object.fields[1].value), None);
    }

    #[test]
    fn of_a_duplicate_key_the_last_wins() {
        let object = Object::parse(raw(r#"{"a":1,"b":2,"\u0061":3,"\ud800":4,"\ud800":5}"#)).unwrap();
        let values: Vec<_> = object.fields.iter().map(|f| f.value.get()).collect();
        assert_eq!(values, ["3", "2", "5"]);
        assert_eq!(object.overwritten.len(), 2);
    }

    #[test]
    fn many_keys_find_their_duplicates_too() {
        let keys: Vec<_> = (0..500).chain([3, 400, 77]).map(|i| format!("\"k{i}\":{i}")).collect();
        let json = format!("{{\"\\u006b0\":0,{},\"\\u006b5\":\"last\"}}", keys.join(","));
        let object = Object::parse(raw(&json)).unwrap();
        assert_eq!((object.fields.len(), object.overwritten.len()), (500, 5));
        assert_eq!(object.get("k5").map(RawValue::get), Some("\"last\""));
    }
}
