//! The program, over the module `neural`, which may be any of several, and `picture`.
//!
//! guests/README.md has the contract that its output keeps, in this and in every other language.

use crate::neural::{Context, ElementType, Error, Graph, Output};
use crate::picture;
use std::fmt;
use std::process::ExitCode;

const USAGE: &str = "\
usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL
       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE
PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,
in turn on N execution contexts of one graph, 1 to 1000.
";

/// What ends the program, as the line that it prints.
enum Failure {
    Nn(&'static str, Error),
    Picture(String, picture::Error),
    Model(String),
    Output(usize, String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Nn(stage, e) => {
                let data = e.data.replace(|c: char| c < ' ' || c == '\x7f', " "); // keep it one line
                write!(f, "error {stage} code={} data={data}", e.code)
            }
            Failure::Picture(path, e) => write!(f, "error picture {path}: {e}"),
            Failure::Model(path) => write!(f, "error model {path}: cannot be read"),
            Failure::Output(index, text) => write!(f, "error output {index}: {text}"),
        }
    }
}

/// How the model is loaded.
enum Model<'a> {
    Name(&'a str),
    File(&'a str),
}

impl Model<'_> {
    fn load(&self) -> Result<Graph, Failure> {
        match self {
            Model::Name(name) => Graph::load_by_name(name),
            Model::File(path) => {
                let content = std::fs::read(path).map_err(|_| Failure::Model(path.to_string()))?;
                Graph::load_onnx(&content)
            }
        }
        .map_err(|e| Failure::Nn("load", e))
    }
}

/// The text of something that the interface may not tell.
fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_string())
}

fn print_output(index: usize, o: &Output) {
    let dims = o.dims.as_ref().map(|d| d.iter().map(u32::to_string).collect::<Vec<_>>().join("x"));
    let ty = o.ty.map(|t| t.to_string());
    println!("output {index} name={} ty={} dims={}", or_dash(o.name.clone()), or_dash(ty), or_dash(dims));
}

/// The values of an output, which have to be finite and the same number for each of `count` pictures.
fn values(index: usize, o: &Output, count: usize) -> Result<Vec<f32>, Failure> {
    if let Some(ty) = o.ty.filter(|t| *t != ElementType::FP32) {
        return Err(Failure::Output(index, format!("values have to be FP32, not {ty}")));
    }
    if o.data.is_empty() || o.data.len() % (4 * count) != 0 {
        let text = format!("{} bytes are not FP32 values for each of {count} pictures", o.data.len());
        return Err(Failure::Output(index, text));
    }
    let values: Vec<f32> = o.data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Failure::Output(index, format!("value {i} is not a finite number"))),
        None => Ok(values),
    }
}

/// Prints the three greatest values, greatest first; of equals, the lower class comes first.
fn print_top(values: &[f32]) {
    let mut classes: Vec<usize> = (0..values.len()).collect();
    classes.sort_by(|&a, &b| values[b].partial_cmp(&values[a]).unwrap()); // stable, and all are finite
    for (k, class) in classes.into_iter().take(3).enumerate() {
        let milli = (1000.0 * f64::from(values[class]) + 0.5).floor();
        println!("top {} class={class} milli={}", k + 1, milli as i64);
    }
}

/// Runs the model once on these pictures and prints what it says.
fn classify(context: &mut Context, paths: &[String]) -> Result<(), Failure> {
    let mut input = Vec::with_capacity(paths.len() * picture::VALUES * 4);
    for path in paths {
        let image = picture::read(path).map_err(|e| Failure::Picture(path.clone(), e))?;
        input.extend(image.iter().flat_map(|v| v.to_le_bytes()));
    }
    let dims = [paths.len() as u32, 1, picture::SIDE as u32, picture::SIDE as u32];
    let outputs = context.compute("image", &dims, ElementType::FP32, &input).map_err(|e| Failure::Nn("compute", e))?;

    let mut all = Vec::new();
    for (i, o) in outputs.iter().enumerate() {
        all.push(values(i, o, paths.len())?);
    }
    for (p, path) in paths.iter().enumerate() {
        println!("picture {path}");
        for (i, o) in outputs.iter().enumerate() {
            let classes = all[i].len() / paths.len();
            print_output(i, o);
            print_top(&all[i][p * classes..][..classes]);
        }
    }
    Ok(())
}

/// How the pictures go through the model.
enum Way {
    Batch,
    /// One by one, on this many contexts in turn.
    Contexts(usize),
}

impl Way {
    /// Takes the words that say how off the arguments, if they say it right.
    fn take(args: &[String]) -> Option<(Way, &[String])> {
        match args {
            [word, rest @ ..] if word == "batch" => Some((Way::Batch, rest)),
            [word, count, rest @ ..] if word == "contexts" => {
                let count = count.parse().ok().filter(|n| (1..=1000).contains(n))?;
                Some((Way::Contexts(count), rest))
            }
            _ => Some((Way::Contexts(1), args)),
        }
    }
}

fn run(way: Way, model: Model, pictures: &[String]) -> Result<(), Failure> {
    let graph = model.load()?;
    let (count, size) = match way {
        Way::Batch => (1, pictures.len()),
        Way::Contexts(count) => (count, 1),
    };
    let contexts: Result<Vec<Context>, Error> = (0..count).map(|_| graph.init_execution_context()).collect();
    let mut contexts = contexts.map_err(|e| Failure::Nn("init", e))?;
    pictures.chunks(size).enumerate().try_for_each(|(i, chunk)| classify(&mut contexts[i % count], chunk))
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match Way::take(&args) {
        Some((way, [how, name, pictures @ ..])) if how == "name" && !pictures.is_empty() => run(way, Model::Name(name), pictures),
        Some((way, [how, file, pictures @ ..])) if how == "bytes" && !pictures.is_empty() => run(way, Model::File(file), pictures),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
