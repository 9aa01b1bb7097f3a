//! Tables as text: one format a file.

mod csv;
mod latex;
mod markdown;
mod text;

pub use csv::Csv;
pub use latex::Latex;
pub use markdown::Markdown;
pub use text::Text;

use super::grid::Grid;

/// Turns a grid into text.
pub trait Render {
    /// The name on the command line.
    fn name(&self) -> &'static str;
    /// Ending of files of this format, without the dot.
    fn extension(&self) -> &'static str;
    /// True when the reader is a program, which wants bare numbers instead of the thesis' layout.
    fn for_programs(&self) -> bool {
        false
    }
    /// The text, ending in a newline.
    fn render(&self, grid: &Grid) -> String;
}

/// Every format.
pub const FORMATS: [&dyn Render; 4] = [&Text, &Markdown, &Latex, &Csv];

/// The format of a name.
pub fn format(name: &str) -> Option<&'static dyn Render> {
    FORMATS.into_iter().find(|format| format.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid {
            title: "A & B".into(),
            groups: vec![(String::new(), 1), ("DVFS".into(), 2)],
            columns: vec!["Bench".into(), "EDP".into(), "Freq".into()],
            rows: vec![
                vec!["spmv_csr".into(), "+1.0%".into(), "1.005".into()],
                vec!["a|b".into(), "-20.5%".into(), "x, \"y\"".into()],
            ],
            notes: vec!["50 % noted.".into()],
        }
    }

    #[test]
    fn text_lines_its_columns_up() {
        let text = Text.render(&grid());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "A & B");
        let column = lines[3].find("EDP").unwrap();
        assert_eq!(lines[2].find("DVFS"), Some(column));
        assert_eq!(lines.iter().find(|l| l.starts_with("spmv_csr")).unwrap().find("+1.0%"), Some(column));
        assert!(lines.iter().all(|l| !l.ends_with(' ')));
    }

    #[test]
    fn a_wide_heading_moves_the_columns_after_it() {
        let mut grid = grid();
        grid.groups = vec![("a heading wider than its column".into(), 1), ("DVFS".into(), 2)];
        let text = Text.render(&grid);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2].find("DVFS"), lines[3].find("EDP"));
    }

    #[test]
    fn special_characters_are_escaped() {
        assert!(Markdown.render(&grid()).contains("a\\|b"));
        let latex = Latex.render(&grid());
        assert!(latex.contains("A \\& B") && latex.contains("spmv\\_csr & +1.0\\% & 1.005 \\\\"), "{latex}");
        assert!(latex.contains("\\multicolumn{2}{c}{DVFS}"));
        assert!(Csv.render(&grid()).contains("\"x, \"\"y\"\"\""));
    }

    #[test]
    fn csv_is_a_table_and_nothing_else() {
        let text = Csv.render(&grid());
        assert_eq!(text.lines().count(), 3);
        assert_eq!(text.lines().next(), Some("Bench,EDP,Freq"));
    }

    #[test]
    fn formats_are_found_by_name() {
        for format in FORMATS {
            assert_eq!(super::format(format.name()).unwrap().extension(), format.extension());
        }
        assert!(super::format("pdf").is_none());
    }
}
