//! `rtk-export query`: SQL on the tables of a published export, its answer on stdout or in a file.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Ending;
use crate::answers;
use crate::config::{AnswerTo, QueryConfig};
use crate::error::{Error, Result};
use crate::pipeline::{self, Signals};
use crate::place::Place;
use crate::queries::{self, Folder};
use crate::sql::{Engine, Parameters};
use crate::ui::Ui;

/// How messages call a query that was typed.
const TYPED: &str = "the query";

/// Runs the command.
///
/// # Errors
/// The export cannot be read, the query is none, or its answer cannot be written.
pub(super) async fn run(config: QueryConfig, ui: &Ui) -> Result<Ending> {
    let QueryConfig::Ask { export, query, parameters, answer: to } = config else { return list(ui) };
    let (name, sql) = text(&query)?;
    let parameters =
        parameters.into_iter().fold(Parameters::none(), |all, (name, value)| all.with(name, value));
    let work = async {
        let (engine, _) = Engine::open(&Place::open(&export)?).await?;
        define_named(&engine, &sql).await?;
        let answer = engine.query(&name, &sql, &parameters).await?;
        match to {
            AnswerTo::Stdout(form) => answers::write_text(answer, form, &mut |text| ui.result(text)).await,
            AnswerTo::File(path, form) => answers::write_file(answer, form, &path).await,
        }
    };
    match pipeline::unless_stopped(&mut Signals::listen()?, work).await {
        Ok(()) => Ok(Ending::Complete),
        // There is nothing to resume.
        Err(Error::Interrupted { signal, .. }) => Err(Error::Stopped { signal }),
        Err(error) => Err(error),
    }
}

/// Shows the shipped queries: a name and what it answers a line.
fn list(ui: &Ui) -> Result<Ending> {
    let named = |folder: Folder| {
        folder.queries().iter().map(move |query| (format!("{}/{}", folder.name(), query.name), query.title()))
    };
    ui.write_result(|out| {
        Folder::ALL
            .into_iter()
            .flat_map(named)
            .try_for_each(|(name, title)| writeln!(out, "{name:<34}{title}"))
    })?;
    Ok(Ending::Complete)
}

/// A query's name in messages, and its text: of a shipped one, stdin, a file, or as typed.
fn text(typed: &str) -> Result<(String, String)> {
    if let Some(query) = queries::shipped(typed) {
        return Ok((typed.to_owned(), query.sql.clone().into_owned()));
    }
    let unreadable = |source| Error::SqlFileUnreadable { path: PathBuf::from(typed), source };
    if typed == "-" {
        let mut sql = String::new();
        io::stdin().read_to_string(&mut sql).map_err(unreadable)?;
        return Ok((TYPED.to_owned(), sql));
    }
    if Path::new(typed).is_file() {
        return Ok((typed.to_owned(), fs::read_to_string(typed).map_err(unreadable)?));
    }
    // No query is one word.
    if typed.split_whitespace().nth(1).is_none() {
        return Err(Error::NoSuchQuery { text: typed.to_owned() });
    }
    Ok((TYPED.to_owned(), typed.to_owned()))
}

/// Makes the shipped queries that a text names tables, `rollups.minutes_by_day`; planning all takes longer
/// than most questions.
async fn define_named(engine: &Engine, sql: &str) -> Result<()> {
    let sql = sql.to_lowercase();
    for folder in Folder::ALL {
        for query in folder.queries().iter().filter(|query| sql.contains(query.name.as_ref())) {
            engine.define(folder.name(), &query.name, &query.sql).await?;
        }
    }
    Ok(())
}
