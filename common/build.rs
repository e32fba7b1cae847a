//! The migrations are part of the program, and a new file among them has to be noticed: the macro that reads them cannot say so.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
