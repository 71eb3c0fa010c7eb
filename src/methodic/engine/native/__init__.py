"""One member's step as C++: a traced graph is turned into loops over constant shapes.

`lowering` reads the graph, `loops` writes statements, `prelude` holds what they call, and `library`
compiles and loads the text.
"""
