//! One JSON object: the few fields that are wanted, out of many.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Fields, NO_TEXT, listed};

/// What is wanted of an object.
pub(super) struct Record<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) label: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> {
    /// Reads one line; else what is wrong with it.
    pub(super) fn parse(line: &'a [u8], fields: &Fields) -> Result<Self, String> {
        if std::str::from_utf8(line).is_err() {
            return Err(NO_TEXT.to_owned());
        }
        if line[0] != b'{' {
            return Err("is no JSON object; expected one object a line".to_owned());
        }
        let mut parser = serde_json::Deserializer::from_slice(line);
        let found = Object { fields }
            .deserialize(&mut parser)
            .and_then(|found| parser.end().map(|()| found))
            .map_err(|error| format!("is broken JSON: {}", placed(&error)))?;
        let absent = |name: &str| format!("has no field '{name}'; it has {}", present(line));
        let text = match found.text {
            Some(Value::Text(text)) => text,
            Some(Value::Number(_) | Value::Other) => {
                return Err(format!(
                    "the field '{}' is no text; expected a string",
                    fields.text
                ));
            }
            None => return Err(absent(&fields.text)),
        };
        if let (Some(name), None) = (&fields.id, &found.id) {
            return Err(absent(name));
        }
        let plain = |value: Option<Value<'a>>| match value {
            Some(Value::Text(text) | Value::Number(text)) => Some(text),
            Some(Value::Other) | None => None,
        };
        Ok(Self {
            text,
            id: plain(found.id),
            label: plain(found.label),
        })
    }
}

/// The parser's words with the column alone: the line is that of the file.
fn placed(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text.split(" at line ").next().unwrap_or(&text);
    format!("{words} at column {}", error.column())
}

/// The fields that an object has.
fn present(line: &[u8]) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(line).unwrap_or_default();
    listed(object.keys().map(String::as_str))
}

#[derive(Default)]
struct Found<'a> {
    text: Option<Value<'a>>,
    id: Option<Value<'a>>,
    label: Option<Value<'a>>,
}

enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number or a truth value, as it is written.
    Number(Cow<'a, str>),
    Other,
}

struct Object<'f> {
    fields: &'f Fields,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Found<'de>;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Found<'de>, D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Found<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::default();
        while let Some(Key(key)) = map.next_key()? {
            // One field may have more than one meaning, as an id that is a label.
            let is_id = key == self.fields.id_name();
            let is_label = Some(key.as_ref()) == self.fields.label.as_deref();
            if key == self.fields.text {
                found.text = Some(map.next_value_seed(Plain)?);
            } else if is_id || is_label {
                let value = map.next_value_seed(Plain)?;
                if is_label {
                    found.label = match &value {
                        Value::Text(text) => Some(Value::Text(text.clone())),
                        Value::Number(text) => Some(Value::Number(text.clone())),
                        Value::Other => None,
                    };
                }
                if is_id {
                    found.id = Some(value);
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        match parser.deserialize_str(Plain)? {
            Value::Text(text) | Value::Number(text) => Ok(Self(text)),
            Value::Other => Ok(Self(Cow::Borrowed(""))),
        }
    }
}

struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Value<'de>, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.to_string().into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.to_string().into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.to_string().into()))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value<'de>, E> {
        Ok(Value::Number(truth.to_string().into()))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(String, Option<String>, Option<String>), String> {
        let fields = Fields {
            label: Some("year".to_owned()),
            ..Fields::default()
        };
        let record = Record::parse(line.as_bytes(), &fields)?;
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Ok((
            record.text.into_owned(),
            owned(record.id),
            owned(record.label),
        ))
    }

    #[test]
    fn wanted_fields_are_found_among_others() {
        let line = r#"{"x": [1, {"text": 2}], "id": 7, "text": "a\nb", "year": "1999"}"#;
        let wanted = (
            "a\nb".to_owned(),
            Some("7".to_owned()),
            Some("1999".to_owned()),
        );
        assert_eq!(parsed(line), Ok(wanted));
        assert_eq!(parsed(r#"{"text": "é"}"#), Ok(("é".to_owned(), None, None)));
    }

    #[test]
    fn faults_are_named() {
        for (line, words) in [
            (
                r#"{"body": "a", "id": 1}"#,
                "has no field 'text'; it has body, id",
            ),
            (r#"{"text": 3}"#, "the field 'text' is no text"),
            (r#"{"text": null}"#, "the field 'text' is no text"),
            (r#"{"text": "a""#, "is broken JSON"),
            (r#"{"text": "a"} x"#, "is broken JSON"),
            ("[1]", "is no JSON object"),
        ] {
            let problem = parsed(line).unwrap_err();
            assert!(problem.contains(words), "{line}: {problem}");
        }
    }
}
