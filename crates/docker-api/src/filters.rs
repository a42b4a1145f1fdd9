//! [`Filters`]: the `filters` query parameter, in both shapes that clients send.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Most values of one request's filters.
const MAX_FILTER_VALUES: usize = 1_000;

/// Filter values by key. Go clients send `{"label":{"a=b":true}}`, docker-py `{"label":["a=b"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, Vec<String>>);

/// Why a `filters` parameter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is no JSON of the two shapes.
    #[error("invalid filter: {0}")]
    Malformed(String),
    /// There are too many values.
    #[error("invalid filter: more than {MAX_FILTER_VALUES} values")]
    TooMany,
    /// A key is not known here.
    #[error("invalid filter '{0}'")]
    Unknown(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Set(BTreeMap<String, bool>),
    List(Vec<String>),
    One(String),
}

impl Values {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::Set(set) => set.into_keys().collect(),
            Self::List(list) => list,
            Self::One(one) => vec![one],
        }
    }
}

impl Filters {
    /// Parses the parameter; an empty one is no filter.
    ///
    /// # Errors
    /// It has neither shape, or too many values.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let raw: Option<BTreeMap<String, Values>> =
            serde_json::from_str(text).map_err(|error| FilterError::Malformed(error.to_string()))?;
        let map: BTreeMap<_, _> = raw.unwrap_or_default().into_iter().map(|(key, v)| (key, v.into_vec())).collect();
        if map.values().map(Vec::len).sum::<usize>() > MAX_FILTER_VALUES {
            return Err(FilterError::TooMany);
        }
        Ok(Self(map))
    }

    /// Refuses keys that are not among `known`.
    ///
    /// # Errors
    /// Names the first key that isn't.
    pub fn only(self, known: &[&str]) -> Result<Self, FilterError> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(FilterError::Unknown(key.clone())),
            None => Ok(self),
        }
    }

    /// All but one key.
    #[must_use]
    pub fn without(&self, key: &str) -> BTreeMap<String, Vec<String>> {
        self.0.iter().filter(|(name, _)| *name != key).map(|(name, values)| (name.clone(), values.clone())).collect()
    }

    /// The values of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// A key that holds one boolean (`dangling=true`); `None` if it is absent.
    ///
    /// # Errors
    /// The values are no booleans, or contradict each other.
    pub fn get_bool(&self, key: &str) -> Result<Option<bool>, FilterError> {
        let invalid = || FilterError::Malformed(format!("{key}={:?}", self.get(key)));
        let parse = |value: &String| match value.as_str() {
            "1" | "true" | "True" | "TRUE" | "t" => Ok(true),
            "0" | "false" | "False" | "FALSE" | "f" => Ok(false),
            _ => Err(invalid()),
        };
        let values = self.get(key).iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        match values.split_first() {
            None => Ok(None),
            Some((first, rest)) if rest.iter().all(|value| value == first) => Ok(Some(*first)),
            Some(_) => Err(invalid()),
        }
    }

    /// True if `labels` has everything that `label` asks for and nothing that `label!` forbids.
    #[must_use]
    pub fn matches_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|v| v == value),
            None => labels.contains_key(wanted),
        };
        self.get("label").iter().all(has) && !self.get("label!").iter().any(has)
    }

    /// The plain map.
    #[must_use]
    pub fn into_map(self) -> BTreeMap<String, Vec<String>> {
        self.0
    }

    /// True without any key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_clients_are_read() {
        let go = Filters::parse(r#"{"label":{"a=b":true,"c":true},"status":{"running":true}}"#).unwrap();
        let python = Filters::parse(r#"{"label":["a=b","c"],"status":["running"]}"#).unwrap();
        assert_eq!(go, python);
        assert_eq!(go.get("label"), ["a=b", "c"]);
        assert!(Filters::parse("").unwrap().is_empty());
        assert!(Filters::parse("{}").unwrap().is_empty());
        assert!(Filters::parse("null").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["[", "[]", "1", r#"{"a":1}"#, r#"{"a":{"b":"c"}}"#, "{\"a\":", "label=a"] {
            assert!(Filters::parse(text).is_err(), "{text}");
        }
        let many: Vec<_> = (0..=MAX_FILTER_VALUES).map(|n| n.to_string()).collect();
        let text = serde_json::json!({ "label": many }).to_string();
        assert_eq!(Filters::parse(&text), Err(FilterError::TooMany));
    }

    #[test]
    fn unknown_keys_are_named() {
        let filters = Filters::parse(r#"{"lable":["x"]}"#).unwrap();
        assert_eq!(filters.only(&["label"]).unwrap_err().to_string(), "invalid filter 'lable'");
    }

    #[test]
    fn labels_are_all_needed() {
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned()), ("c".to_owned(), String::new())]);
        let matches = |text| Filters::parse(text).unwrap().matches_labels(&labels);
        assert!(matches(r#"{"label":["a=b","c"]}"#));
        assert!(!matches(r#"{"label":["a=b","d"]}"#));
        assert!(!matches(r#"{"label":["a=x"]}"#));
        assert!(!matches(r#"{"label!":["c"]}"#));
    }

    #[test]
    fn booleans_may_not_contradict_each_other() {
        assert_eq!(Filters::parse(r#"{"dangling":{"true":true}}"#).unwrap().get_bool("dangling"), Ok(Some(true)));
        assert_eq!(Filters::default().get_bool("dangling"), Ok(None));
        assert!(Filters::parse(r#"{"dangling":["true","false"]}"#).unwrap().get_bool("dangling").is_err());
        assert!(Filters::parse(r#"{"dangling":["maybe"]}"#).unwrap().get_bool("dangling").is_err());
    }
}
