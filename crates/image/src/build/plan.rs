//! [`Plan`]: which stages a build needs.

use std::collections::BTreeSet;

use super::error::BuildError;
use super::scope::Arguments;
use crate::dockerfile::{Copy, Dockerfile, Instruction, Problem, Stage, expand};

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    Scratch,
    Stage(usize),
    Image { name: String, platform: Option<String> },
}

/// Where COPY takes its files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Context,
    Stage(usize),
    Image(String),
}

/// The stages to build, in order.
#[derive(Debug)]
pub(super) struct Plan {
    /// What each stage of the Dockerfile starts from.
    pub(super) bases: Vec<Base>,
    /// The stages that are needed.
    pub(super) needed: BTreeSet<usize>,
    /// The stage that becomes the image.
    pub(super) target: usize,
    /// Number of steps in all.
    pub(super) steps: usize,
}

impl Plan {
    pub(super) fn new(file: &Dockerfile, target: Option<&str>, arguments: &Arguments) -> Result<Self, BuildError> {
        let lookup = |name: &str| arguments.global(name);
        let mut bases = Vec::with_capacity(file.stages.len());
        for (index, stage) in file.stages.iter().enumerate() {
            let at = |error| BuildError::from(Problem::Expand(error).at(stage.line));
            let name = expand(&stage.base, file.escape, &lookup).map_err(at)?;
            let platform =
                stage.platform.as_ref().map(|text| expand(text, file.escape, &lookup)).transpose().map_err(at)?;
            bases.push(base(file, index, name, platform.filter(|platform| !platform.is_empty()))?);
        }
        let target = find_target(file, target)?;
        let needed = needed(file, &bases, target);
        let steps = needed.iter().filter_map(|index| file.stages.get(*index)).map(|stage| 1 + stage.steps.len()).sum();
        Ok(Self { bases, needed, target, steps })
    }
}

fn base(file: &Dockerfile, index: usize, name: String, platform: Option<String>) -> Result<Base, BuildError> {
    if name.is_empty() {
        let Some(stage) = file.stages.get(index) else { return Ok(Base::Scratch) };
        let message =
            format!("base name ({}) should not be blank: give its ARG before the first FROM a value", stage.base);
        return Err(BuildError::Dockerfile { line: stage.line, message });
    }
    if name == "scratch" {
        return Ok(Base::Scratch);
    }
    Ok(stage_named(file, &name, index).map_or(Base::Image { name, platform }, Base::Stage))
}

/// The last stage with this name before the stage `before`.
fn stage_named(file: &Dockerfile, name: &str, before: usize) -> Option<usize> {
    let same = |stage: &Stage| stage.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    file.stages.iter().take(before).rposition(same)
}

fn find_target(file: &Dockerfile, target: Option<&str>) -> Result<usize, BuildError> {
    let last = file.stages.len().saturating_sub(1);
    let Some(name) = target.filter(|name| !name.is_empty()) else { return Ok(last) };
    let number = || name.parse().ok().filter(|index| *index <= last);
    stage_named(file, name, file.stages.len()).or_else(number).ok_or_else(|| BuildError::Dockerfile {
        line: file.stages.last().map_or(1, |stage| stage.line),
        message: format!("failed to reach build target {name} in Dockerfile: no stage has this name"),
    })
}

fn needed(file: &Dockerfile, bases: &[Base], target: usize) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut open = vec![target];
    while let Some(index) = open.pop() {
        if !needed.insert(index) {
            continue;
        }
        if let Some(Base::Stage(base)) = bases.get(index) {
            open.push(*base);
        }
        let steps = file.stages.get(index).into_iter().flat_map(|stage| &stage.steps);
        open.extend(steps.filter_map(|step| match &step.instruction {
            Instruction::Copy(copy) => match origin(file, copy, index) {
                Ok(Origin::Stage(index)) => Some(index),
                _ => None,
            },
            _ => None,
        }));
    }
    needed
}

/// Where a COPY in the stage `index` takes its files from.
pub(super) fn origin(file: &Dockerfile, copy: &Copy, index: usize) -> Result<Origin, String> {
    let Some(name) = &copy.from else { return Ok(Origin::Context) };
    if let Some(stage) = stage_named(file, name, index) {
        return Ok(Origin::Stage(stage));
    }
    match name.parse::<usize>() {
        Ok(number) if number < index => Ok(Origin::Stage(number)),
        Ok(_) => Err("it is not the number of an earlier stage".to_owned()),
        Err(_) if name == "scratch" => Err("scratch has no files".to_owned()),
        Err(_) => Ok(Origin::Image(name.clone())),
    }
}
