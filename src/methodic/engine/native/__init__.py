"""Steps as machine code: the step of one member is traced and written as loops in C++.

`steps` runs them; `source` writes the file: `lowering` reads the graph, with operations from
`arithmetic`, `views` and `moves`, into a `program` of `values`, on top of the `prelude`; `library`
compiles and loads it.
"""
