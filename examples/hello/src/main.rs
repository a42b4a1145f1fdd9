//! Says hello, and what it can see: its arguments, its environment and its files.

fn main() {
    println!("Hello from Sprat!");
    println!("This program is a WebAssembly component, running in a sandbox of its own.");
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        println!("Arguments: {}", arguments.join(" "));
    }
    match std::env::var("NAME") {
        Ok(name) => println!("Greetings, {name}."),
        Err(_) => println!("Give it a name with: sprat run -e NAME=you examples/hello"),
    }
}
