//! Objects and arrays as lists of borrowed raw values.

use std::borrow::Cow;
use std::collections::HashSet;

use super::raw::{Raw, Walk};

/// One `"key": value` of an object.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// The key, unescaped; `None` where it holds a lone surrogate and so is no text.
    pub name: Option<Cow<'a, str>>,
    /// The key as written, with its quotes.
    pub raw_name: Raw<'a>,
    /// The value as written.
    pub value: Raw<'a>,
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

/// Objects with more keys than this find duplicates by a hash set: a hostile body of a million keys
/// must not cost a million comparisons each.
const LINEAR_KEYS: usize = 32;

/// Keys that are remembered take no more than this.
const LEARNED_BYTES: usize = 4 << 10;

/// The place of each key, where there are many.
type Places<'a> = hashbrown::HashMap<(bool, Cow<'a, str>), usize>;

/// The keys of the last object of a kind, in their order. The next one mostly has the same: then none of
/// its keys is searched for its end, and none is a duplicate.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// As written, with quotes, without escapes, one after the other.
    written: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Keys {
    fn get(&self, place: usize) -> Option<&str> {
        let start = if place == 0 { 0 } else { *self.ends.get(place - 1)? };
        self.written.get(start..*self.ends.get(place)?)
    }

    fn learn(&mut self, object: &Object<'_>) {
        self.written.clear();
        self.ends.clear();
        // A hostile object need not be remembered, nor may one with escapes: it could repeat a key.
        let usual = object.fields.iter().take(LINEAR_KEYS);
        for field in usual.take_while(|field| matches!(field.name, Some(Cow::Borrowed(_)))) {
            if self.written.len() + field.raw_name.get().len() > LEARNED_BYTES {
                return;
            }
            self.written.push_str(field.raw_name.get());
            self.ends.push(self.written.len());
        }
    }
}

impl<'a> Object<'a> {
    /// Reads an object; `None` where the value is none.
    #[must_use]
    pub fn parse(value: Raw<'a>) -> Option<Self> {
        let mut object = Self::roomy();
        object.fill(&mut Walk::of(value), None)?;
        Some(object)
    }

    fn roomy() -> Self {
        Self { fields: Vec::with_capacity(USUAL_KEYS), overwritten: Vec::new() }
    }

    /// Reads an object from a text; `None` where that is no JSON, or no object.
    #[must_use]
    pub fn parse_text(text: &'a str) -> Option<Self> {
        Self::parse(Raw::parse(text)?)
    }

    /// Reads an object whose keys are expected to be those of the last.
    #[must_use]
    pub fn parse_like(value: Raw<'a>, keys: &mut Keys) -> Option<Self> {
        let mut object = Self::roomy();
        object.fill(&mut Walk::of(value), Some(keys))?;
        Some(object)
    }

    /// Reads the members of an object that stand before one, whose key is given as written; also gives the text
    /// from that one's value on. `None` where there is no such member.
    pub(crate) fn parse_before(value: Raw<'a>, key: &str, keys: &mut Keys) -> Option<(Self, &'a str)> {
        let (mut object, mut walk) = (Self::roomy(), Walk::of(value));
        let found = walk.pass(b'{') && object.add_members(&mut walk, Some(keys), Some(key))?;
        found.then(|| (object, walk.rest()))
    }

    /// Reads the object that comes next in place of this one, into the same memory.
    fn fill(&mut self, walk: &mut Walk<'a>, keys: Option<&mut Keys>) -> Option<()> {
        self.fields.clear();
        self.overwritten.clear();
        if !walk.pass(b'{') {
            return None;
        }
        if walk.pass(b'}') {
            return Some(());
        }
        self.add_members(walk, keys, None).map(|_| ())
    }

    /// Adds members up to the closing brace or to the value of a certain key, as written; whether that came.
    fn add_members(
        &mut self,
        walk: &mut Walk<'a>,
        keys: Option<&mut Keys>,
        last: Option<&str>,
    ) -> Option<bool> {
        let mut places = Places::new();
        // How many keys came so far as they came last time.
        let mut known = 0;
        let is_last_there = loop {
            let expected = match &keys {
                Some(keys) if known == self.fields.len() => keys.get(known),
                _ => None,
            };
            if let Some(name) = expected.and_then(|expected| walk.pass_text(expected)) {
                known += 1;
                let value = after_colon(walk)?;
                let raw_name = Raw::plain(name);
                self.fields.push(Field { name: text(raw_name), raw_name, value });
            } else {
                let raw_name = walk.string()?;
                if last == Some(raw_name.get()) {
                    break walk.pass(b':');
                }
                let value = after_colon(walk)?;
                self.add(raw_name, value, &mut places);
            }
            if !walk.pass_between(b'}')? {
                break false;
            }
        };
        if let Some(keys) = keys
            && known < self.fields.len()
        {
            keys.learn(self);
        }
        Some(is_last_there)
    }

    /// Adds a field; one of the same key makes way for it.
    fn add(&mut self, raw_name: Raw<'a>, value: Raw<'a>, places: &mut Places<'a>) {
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
    pub fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.fields.iter().find(|field| field.name.as_deref() == Some(name)).map(|field| field.value)
    }
}

/// The value of a member whose key was passed.
fn after_colon<'a>(walk: &mut Walk<'a>) -> Option<Raw<'a>> {
    if walk.pass(b':') { walk.value() } else { None }
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
pub fn elements(value: Raw<'_>) -> Option<Vec<Raw<'_>>> {
    let mut elements = Vec::new();
    each_element(value, |element| elements.push(element)).then_some(elements)
}

/// Tells each element of an array, without holding them all; whether the value is an array.
pub fn each_element<'a>(value: Raw<'a>, mut tell: impl FnMut(Raw<'a>)) -> bool {
    let tell_next = |walk: &mut Walk<'a>| walk.value().map(&mut tell);
    walk_array(value, tell_next).is_some()
}

/// Tells each element of an array as an object, or as it stands where it is none; whether the value is an
/// array. The objects share their memory, and the keys that they are expected to have.
pub fn each_object<'a>(
    value: Raw<'a>,
    keys: &mut Keys,
    mut tell: impl FnMut(Result<&mut Object<'a>, Raw<'a>>),
) -> bool {
    let mut object = Object::roomy();
    let tell_next = |walk: &mut Walk<'a>| {
        if walk.peek()? == b'{' {
            object.fill(walk, Some(keys))?;
            tell(Ok(&mut object));
        } else {
            tell(Err(walk.value()?));
        }
        Some(())
    };
    walk_array(value, tell_next).is_some()
}

/// Passes an array; its elements are the caller's to pass.
fn walk_array<'a>(value: Raw<'a>, mut element: impl FnMut(&mut Walk<'a>) -> Option<()>) -> Option<()> {
    let mut walk = Walk::of(value);
    if !walk.pass(b'[') {
        return None;
    }
    if walk.pass(b']') {
        return Some(());
    }
    loop {
        element(&mut walk)?;
        if !walk.pass_between(b']')? {
            return Some(());
        }
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
    /// Follows two names; `None` where one is missing, comes twice, or leads to no object.
    pub(super) fn parse(value: Raw<'a>, names: [&str; 2], keys: &mut Keys) -> Option<Self> {
        let mut nested = Self { inner: Object::roomy(), ..Self::default() };
        let (middle, inner) = (&mut nested.middle, &mut nested.inner);
        follow(&mut Walk::of(value), names[0], &mut nested.outer, |walk| {
            follow(walk, names[1], middle, |walk| inner.fill(walk, Some(keys)))
        })?;
        Some(nested)
    }
}

/// Passes an object of which one name leads on, once; the others are kept.
fn follow<'a>(
    walk: &mut Walk<'a>,
    name: &str,
    others: &mut Object<'a>,
    inner: impl FnOnce(&mut Walk<'a>) -> Option<()>,
) -> Option<()> {
    if !walk.pass(b'{') || walk.peek()? == b'}' {
        return None;
    }
    let mut places = Places::new();
    let mut inner = Some(inner);
    loop {
        let raw_name = walk.string()?;
        if text(raw_name).as_deref() == Some(name) {
            let inner = inner.take().filter(|_| walk.pass(b':'))?;
            inner(walk)?;
        } else {
            others.add(raw_name, after_colon(walk)?, &mut places);
        }
        if !walk.pass_between(b'}')? {
            break;
        }
    }
    inner.is_none().then_some(())
}

/// The text of a JSON string; `None` where the value is none, or holds a lone surrogate.
#[must_use]
pub fn text(value: Raw<'_>) -> Option<Cow<'_, str>> {
    if let Some(plain) = value.plain_text() {
        return Some(Cow::Borrowed(plain));
    }
    // Whether it begins with a quote is quickly told, of the many values that are no strings.
    if !value.get().starts_with('"') {
        return None;
    }
    serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned)
}

/// Whether the value is `null`.
#[must_use]
pub fn is_null(value: Raw<'_>) -> bool {
    value.get() == "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Raw<'_> {
        Raw::parse(json).expect("JSON")
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
        assert_eq!(object.get("k5").map(Raw::get), Some("\"last\""));
    }
}
