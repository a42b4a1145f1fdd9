//! Which features of WebAssembly are offered, and the names of those that are not.

use wasmparser::WasmFeatures;

/// What the engines of every variant run: Wasm 3.0 without threads, and components.
pub(crate) const OFFERED: WasmFeatures = WasmFeatures::WASM3
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::COMPONENT_MODEL)
    .difference(WasmFeatures::THREADS);

/// What engines with concurrency support run besides.
pub(crate) const CONCURRENT: WasmFeatures = WasmFeatures::CM_ASYNC;

/// What people call a feature.
pub(crate) fn name(feature: WasmFeatures) -> String {
    const NAMES: &[(WasmFeatures, &str)] = &[
        (WasmFeatures::THREADS, "threads (shared memories and atomic instructions)"),
        (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads"),
        (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
        (WasmFeatures::STACK_SWITCHING, "stack switching"),
        (
            WasmFeatures::LEGACY_EXCEPTIONS,
            "legacy exceptions (build with the standard ones, -wasm-use-legacy-eh=false)",
        ),
        (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
        (WasmFeatures::MEMORY_CONTROL, "memory control"),
        (WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors"),
        (WasmFeatures::COMPACT_IMPORTS, "compact imports"),
        (WasmFeatures::CM_ASYNC_STACKFUL, "stackful asynchronous functions of components"),
        (WasmFeatures::CM_MORE_ASYNC_BUILTINS, "more asynchronous built-ins of components"),
        (WasmFeatures::CM_THREADING, "threads of components"),
        (WasmFeatures::CM_ERROR_CONTEXT, "error contexts of components"),
        (WasmFeatures::CM_FIXED_LENGTH_LISTS, "fixed-length lists of components"),
        (WasmFeatures::CM_GC, "garbage-collected values across components"),
        (WasmFeatures::CM_MAP, "maps of components"),
        (WasmFeatures::CM_VALUES, "values of components"),
        (WasmFeatures::CM64, "64-bit memories of components"),
    ];
    NAMES.iter().find(|(flag, _)| flag.intersects(feature)).map_or_else(
        || {
            let names: Vec<String> =
                feature.iter_names().map(|(name, _)| name.to_lowercase().replace('_', " ")).collect();
            names.join(", ")
        },
        |(_, name)| (*name).to_owned(),
    )
}
