//! A table of texts, ready to be rendered.

/// Title, headings, cells and notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// What the table shows, and of what.
    pub title: String,
    /// Headings above several columns, with how many; empty without such a line.
    pub groups: Vec<(String, usize)>,
    /// Headings.
    pub columns: Vec<String>,
    /// Cells; each row has as many as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Sentences below the table.
    pub notes: Vec<String>,
}
