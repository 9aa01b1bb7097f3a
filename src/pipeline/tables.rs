//! Tables as JSON documents, for `--json`.

use crate::harness::table::edp::EdpCell;
use crate::harness::table::gain::Ratio;
use crate::harness::table::{EdpTable, Grid};
use serde_json::{Value, json};

/// One table.
pub fn as_json(table: &EdpTable) -> Value {
    let rows: Vec<Value> = table
        .rows
        .iter()
        .map(|row| {
            let cells: serde_json::Map<String, Value> = table
                .techniques
                .iter()
                .zip(&row.cells)
                .map(|(technique, cell)| (technique.heading().to_owned(), cell.as_ref().map_or(Value::Null, as_cell)))
                .collect();
            json!({ "workload": row.workload, "techniques": cells })
        })
        .collect();
    json!({ "title": table.title, "unit": table.unit, "rows": rows, "notes": table.notes })
}

fn as_cell(cell: &EdpCell) -> Value {
    let ratio = |r: &Ratio| json!({ "ratio": r.estimate, "interval": r.interval, "blocks": r.n });
    json!({
        "setting": cell.setting,
        "edp": ratio(&cell.choice.edp),
        "time": ratio(&cell.choice.time),
        "energy": ratio(&cell.choice.energy),
        "tied": cell.tied,
        "p_holm": cell.p_holm,
        "not_credited": cell.not_credited,
    })
}

/// Any other table: its title, notes and rows by the names of the columns.
pub fn grid_as_json(grid: &Grid) -> Value {
    let row = |cells: &Vec<String>| -> serde_json::Map<String, Value> {
        grid.columns.iter().cloned().zip(cells.iter().map(|cell| Value::String(cell.clone()))).collect()
    };
    json!({ "title": grid.title, "rows": grid.rows.iter().map(row).collect::<Vec<_>>(), "notes": grid.notes })
}
