//! Values for the `$name`s of a query.
//!
//! Guarantees: a value is a value, whatever its text: it is never part of the SQL. It has the type of
//! what it is compared with, else it is text (which `CAST` makes anything else of).

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;

use crate::error::{Error, Result};

/// Values by their names, without the `$`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    values: BTreeMap<String, String>,
}

impl Parameters {
    /// No parameters.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a value; a second one of a name replaces the first.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// Puts the values in a query's plan.
    pub(super) fn bind(&self, query: &str, plan: LogicalPlan) -> Result<LogicalPlan> {
        let invalid = |source| Error::Sql { query: query.to_owned(), line: None, source: Box::new(source) };
        let asked: BTreeSet<String> =
            plan.get_parameter_names().map_err(invalid)?.iter().map(|name| bare(name).to_owned()).collect();
        let given: BTreeSet<String> = self.values.keys().cloned().collect();
        if asked != given {
            return Err(Error::SqlParameters {
                query: query.to_owned(),
                missing: asked.difference(&given).cloned().collect(),
                unused: given.difference(&asked).cloned().collect(),
            });
        }
        if asked.is_empty() {
            return Ok(plan);
        }
        // One name compared with two types has no type of its own: as text, each comparison casts it.
        let types = plan.get_parameter_types().unwrap_or_default();
        let mut values = Vec::with_capacity(self.values.len());
        for (name, text) in &self.values {
            let kind = types.iter().find(|(asked, _)| bare(asked) == name).and_then(|(_, kind)| kind.clone());
            let value = typed(text, kind.as_ref()).map_err(|source| Error::SqlParameterValue {
                name: name.clone(),
                value: text.clone(),
                kind: kind.map(|kind| kind.to_string()).unwrap_or_default(),
                source: Box::new(source),
            })?;
            values.push((name.clone(), value));
        }
        plan.with_param_values(values).map_err(invalid)
    }
}

/// A value of a type, where one is known.
fn typed(text: &str, kind: Option<&DataType>) -> Result<ScalarValue, DataFusionError> {
    match kind {
        None | Some(DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null) => {
            Ok(ScalarValue::from(text))
        }
        Some(kind) => ScalarValue::try_from_string(text.to_owned(), kind),
    }
}

/// A placeholder's name without its `$`.
fn bare(placeholder: &str) -> &str {
    placeholder.trim_start_matches('$')
}
