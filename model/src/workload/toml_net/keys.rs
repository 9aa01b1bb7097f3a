//! Reading keys of a table so that every error names the file and the line.

use super::type_name;
use crate::workload::WorkloadError;
use crate::workload::tensor::Tensor;
use std::collections::HashMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The line of a place in the text, from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|b| *b == b'\n').count()
    }

    pub(super) fn error(&self, at: usize, found: String, allowed: &str) -> WorkloadError {
        let (file, allowed) = (self.file.to_owned(), allowed.to_owned());
        WorkloadError::File { file, line: self.line(at), found, allowed }
    }

    pub(super) fn at(&self, at: usize, source: WorkloadError) -> WorkloadError {
        WorkloadError::Line { file: self.file.to_owned(), line: self.line(at), source: Box::new(source) }
    }
}

/// The keys of one table; those that are asked for are the ones that it may have.
pub(super) struct Keys<'a> {
    source: Source<'a>,
    table: &'a DeTable<'a>,
    start: usize,
    asked: Vec<String>,
}

impl<'a> Keys<'a> {
    /// The table that starts at this place of the text.
    pub(super) fn new(source: Source<'a>, table: &'a DeTable<'a>, start: usize) -> Self {
        Self { source, table, start, asked: Vec::new() }
    }

    fn get(&mut self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key.to_owned());
        self.table.get(key)
    }

    /// An error of the table as a whole.
    pub(super) fn error(&self, found: String, allowed: &str) -> WorkloadError {
        self.source.error(self.start, found, allowed)
    }

    /// An error of the layer that the table describes.
    pub(super) fn at(&self, error: WorkloadError) -> WorkloadError {
        self.source.at(self.start, error)
    }

    /// An error of the value of `key`.
    pub(super) fn value_error(&self, key: &str, found: &str, allowed: &str) -> WorkloadError {
        let at = self.table.get(key).map_or(self.start, |value| value.span().start);
        self.source.error(at, format!("{key} = {found}"), allowed)
    }

    fn wrong_type(&self, key: &str, value: &DeValue<'_>, allowed: &str) -> WorkloadError {
        self.value_error(key, &format!("a TOML {}", type_name(value)), allowed)
    }

    fn missing(&self, key: &str) -> WorkloadError {
        self.error(format!("the key {key} is missing"), "add it to this table")
    }

    fn as_number(&self, key: &str, value: &DeValue<'_>) -> Result<u64, WorkloadError> {
        let allowed = "give a whole number from 0 to 2^32";
        match value {
            DeValue::Integer(integer) => u64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .filter(|number| *number <= 1 << 32)
                .ok_or_else(|| self.value_error(key, integer.as_str(), allowed)),
            other => Err(self.wrong_type(key, other, allowed)),
        }
    }

    /// A number that must be there.
    pub(super) fn number(&mut self, key: &str) -> Result<u64, WorkloadError> {
        match self.get(key) {
            Some(value) => self.as_number(key, value.get_ref()),
            None => Err(self.missing(key)),
        }
    }

    /// A number, or its default.
    pub(super) fn number_or(&mut self, key: &str, default: u64) -> Result<u64, WorkloadError> {
        self.get(key).map_or(Ok(default), |value| self.as_number(key, value.get_ref()))
    }

    /// A number or a list of numbers.
    pub(super) fn optional_numbers(&mut self, key: &str) -> Result<Option<Vec<u64>>, WorkloadError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Array(array) => {
                array.iter().map(|item| self.as_number(key, item.get_ref())).collect::<Result<_, _>>().map(Some)
            }
            single => Ok(Some(vec![self.as_number(key, single)?])),
        }
    }

    /// One number for both axes of an image, or two.
    pub(super) fn pair(&mut self, key: &str, default: Option<[u64; 2]>) -> Result<[u64; 2], WorkloadError> {
        match (self.optional_numbers(key)?.as_deref(), default) {
            (Some(&[both]), _) => Ok([both; 2]),
            (Some(&[rows, columns]), _) => Ok([rows, columns]),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.missing(key)),
            (Some(other), _) => {
                Err(self.value_error(key, &format!("{other:?}"), "give one number, or two for rows and columns"))
            }
        }
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, key: &str) -> Result<String, WorkloadError> {
        self.optional_text(key)?.ok_or_else(|| self.missing(key))
    }

    /// A text, or its default.
    pub(super) fn text_or(&mut self, key: &str, default: &str) -> Result<String, WorkloadError> {
        Ok(self.optional_text(key)?.unwrap_or_else(|| default.to_owned()))
    }

    fn optional_text(&mut self, key: &str) -> Result<Option<String>, WorkloadError> {
        match self.get(key).map(Spanned::get_ref) {
            None => Ok(None),
            Some(DeValue::String(text)) => Ok(Some(text.as_ref().to_owned())),
            Some(other) => Err(self.wrong_type(key, other, "give a text in quotes")),
        }
    }

    /// true or false, or its default.
    pub(super) fn flag_or(&mut self, key: &str, default: bool) -> Result<bool, WorkloadError> {
        match self.get(key).map(Spanned::get_ref) {
            None => Ok(default),
            Some(DeValue::Boolean(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong_type(key, other, "give true or false")),
        }
    }

    /// The result of the layer that `key` names, if it is there.
    pub(super) fn reference(
        &mut self,
        key: &str,
        results: &HashMap<String, Tensor>,
    ) -> Result<Option<Tensor>, WorkloadError> {
        let Some(name) = self.optional_text(key)? else { return Ok(None) };
        results
            .get(&name)
            .cloned()
            .map(Some)
            .ok_or_else(|| self.value_error(key, &format!("{name:?}"), "name a layer that stands above this one"))
    }

    /// The same where it must be there.
    pub(super) fn required_reference(
        &mut self,
        key: &str,
        results: &HashMap<String, Tensor>,
    ) -> Result<Tensor, WorkloadError> {
        self.reference(key, results)?.ok_or_else(|| self.missing(key))
    }

    /// An array of tables, each with its place in the text; at least one.
    pub(super) fn tables(&mut self, key: &str) -> Result<Vec<(usize, &'a DeTable<'a>)>, WorkloadError> {
        let allowed = "describe each layer by a [[layer]] table";
        let Some(value) = self.get(key) else { return Err(self.missing(key)) };
        let DeValue::Array(array) = value.get_ref() else {
            return Err(self.wrong_type(key, value.get_ref(), allowed));
        };
        array
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok((item.span().start, table)),
                other => Err(self.wrong_type(key, other, allowed)),
            })
            .collect()
    }

    /// Refuses keys that nobody asked for.
    pub(super) fn finish(&self) -> Result<(), WorkloadError> {
        for key in self.table.keys() {
            if !self.asked.iter().any(|asked| asked == key.get_ref().as_ref()) {
                let allowed = format!("the keys here are {}", self.asked.join(", "));
                return Err(self.source.error(key.span().start, format!("unknown key {}", key.get_ref()), &allowed));
            }
        }
        Ok(())
    }
}
