//! One pass over a binary: validates every part and collects the facts of a description.
//!
//! Pure and total: any bytes end in facts or an error. It judges no name; that is `describe`'s.

use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{
    ComponentExternalKind, ComponentImport, Encoding, ExternalKind, FuncValidatorAllocations, Import, KnownCustom,
    MemoryType, Parser, Payload, ProducersSectionReader, TypeRef, ValidPayload, Validator, WasmFeatures,
};

use crate::Producer;

/// Imports, and exports, that a program may have.
pub(crate) const MAX_NAMES: usize = 100_000;
/// Bytes of all names of imports and exports.
pub(crate) const MAX_NAME_BYTES: usize = 4 << 20;
/// Producers that are reported; more are passed over.
const MAX_PRODUCERS: usize = 256;
/// Bytes of a producer's name or version; longer ones are passed over.
const MAX_PRODUCER_NAME: usize = 256;
/// Page size of memories that do not name one, as a power of two.
const PAGE_LOG2: u32 = 16;

/// Why a walk ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The parser or the validator refuses it.
    Invalid(wasmparser::Error),
    /// It has more names than a description holds.
    TooManyNames,
}

impl From<wasmparser::Error> for Stop {
    fn from(error: wasmparser::Error) -> Self {
        Self::Invalid(error)
    }
}

/// An import or export of the outermost module or component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The module of a core import, or the whole name of a component's.
    pub(crate) module: String,
    /// The name in the module; for exports the whole name.
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// It needs nothing from a host: types alone.
    pub(crate) inert: bool,
}

/// What a walk finds.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) component: bool,
    pub(crate) imports: Vec<Named>,
    pub(crate) exports: Vec<Named>,
    pub(crate) producers: Vec<Producer>,
    pub(crate) code_size: u64,
    pub(crate) data_size: u64,
    pub(crate) functions: u64,
    pub(crate) initial_memory: u64,
    name_bytes: usize,
}

/// Walks the whole binary, with these features.
pub(crate) fn walk(bytes: &[u8], features: WasmFeatures) -> Result<Facts, Stop> {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut validator = Validator::new_with_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    let mut facts = Facts::default();
    let mut depth = 0_usize;
    for payload in parser.parse_all(bytes) {
        let payload = payload?;
        match validator.payload(&payload)? {
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(std::mem::take(&mut allocations));
                function.validate(&body)?;
                allocations = function.into_allocations();
            }
            ValidPayload::End(types) if depth == 0 => facts.mark_inert(&types),
            _ => {}
        }
        facts.note_sizes(&payload);
        if depth == 0 {
            facts.note_names(&payload)?;
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(facts)
}

impl Facts {
    /// What counts wherever it is, nested modules included.
    fn note_sizes(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::CodeSectionStart { count, size, .. } => {
                self.code_size = self.code_size.saturating_add(u64::from(*size));
                self.functions = self.functions.saturating_add(u64::from(*count));
            }
            Payload::DataSection(section) => {
                self.data_size = self.data_size.saturating_add(section.range().len() as u64);
            }
            Payload::MemorySection(section) => {
                for memory in section.clone().into_iter().flatten() {
                    self.initial_memory = self.initial_memory.saturating_add(initial_bytes(memory));
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Producers(producers) = section.as_known() {
                    self.note_producers(producers);
                }
            }
            _ => {}
        }
    }

    /// The names of the outermost module or component.
    fn note_names(&mut self, payload: &Payload<'_>) -> Result<(), Stop> {
        match payload {
            Payload::Version { encoding, .. } => self.component = *encoding == Encoding::Component,
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    self.note_import(named_import(&import?))?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.note_import(named_component_import(&import?))?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    self.note_export(export.name, external_kind(export.kind))?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    self.note_export(export.name.name, component_kind(export.kind))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note_import(&mut self, import: Named) -> Result<(), Stop> {
        self.count(self.imports.len(), import.module.len().saturating_add(import.name.len()))?;
        self.imports.push(import);
        Ok(())
    }

    fn note_export(&mut self, name: &str, kind: &'static str) -> Result<(), Stop> {
        self.count(self.exports.len(), name.len())?;
        self.exports.push(Named { module: String::new(), name: name.to_owned(), kind, inert: false });
        Ok(())
    }

    fn count(&mut self, names: usize, bytes: usize) -> Result<(), Stop> {
        self.name_bytes = self.name_bytes.saturating_add(bytes);
        if names >= MAX_NAMES || self.name_bytes > MAX_NAME_BYTES { Err(Stop::TooManyNames) } else { Ok(()) }
    }

    /// A malformed producers section is only a comment that can't be read: it does not make the program invalid.
    fn note_producers(&mut self, fields: ProducersSectionReader<'_>) {
        for field in fields.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                self.note_producer(field.name, value.name, value.version);
            }
        }
    }

    fn note_producer(&mut self, field: &str, name: &str, version: &str) {
        let fits = [field, name, version].iter().all(|part| part.len() <= MAX_PRODUCER_NAME);
        let known = self.producers.iter().any(|it| it.field == field && it.name == name && it.version == version);
        if fits && !known && self.producers.len() < MAX_PRODUCERS {
            let (field, name, version) = (field.to_owned(), name.to_owned(), version.to_owned());
            self.producers.push(Producer { field, name, version });
        }
    }

    /// Imports of types alone need no host.
    fn mark_inert(&mut self, types: &Types) {
        if !self.component {
            return;
        }
        let types = types.as_ref();
        for import in &mut self.imports {
            import.inert =
                types.component_item_for_import(&import.module).is_some_and(|item| is_inert(types, &item.ty));
        }
    }
}

fn is_inert(types: TypesRef<'_>, entity: &ComponentEntityType) -> bool {
    match entity {
        ComponentEntityType::Type { created, .. } => !matches!(created, ComponentAnyTypeId::Resource(_)),
        // One level is enough: interfaces hold functions and types.
        ComponentEntityType::Instance(id) => types.get(*id).is_some_and(|instance| {
            instance.exports.values().all(|item| {
                matches!(&item.ty, ComponentEntityType::Type { created, .. }
                    if !matches!(created, ComponentAnyTypeId::Resource(_)))
            })
        }),
        _ => false,
    }
}

fn initial_bytes(memory: MemoryType) -> u64 {
    let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(PAGE_LOG2)).unwrap_or(u64::MAX);
    memory.initial.saturating_mul(page)
}

fn named_import(import: &Import<'_>) -> Named {
    let kind = match import.ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => "func",
        TypeRef::Table(_) => "table",
        TypeRef::Memory(_) => "memory",
        TypeRef::Global(_) => "global",
        TypeRef::Tag(_) => "tag",
    };
    Named { module: import.module.to_owned(), name: import.name.to_owned(), kind, inert: false }
}

fn named_component_import(import: &ComponentImport<'_>) -> Named {
    let kind = component_kind(import.ty.kind());
    Named { module: import.name.name.to_owned(), name: String::new(), kind, inert: false }
}

const fn external_kind(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "func",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

const fn component_kind(kind: ComponentExternalKind) -> &'static str {
    match kind {
        ComponentExternalKind::Module => "module",
        ComponentExternalKind::Func => "func",
        ComponentExternalKind::Value => "value",
        ComponentExternalKind::Type => "type",
        ComponentExternalKind::Instance => "instance",
        ComponentExternalKind::Component => "component",
    }
}
