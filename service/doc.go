// Package service reads and writes the INI files of services: [DEFAULT], [env], tasks and other
// resources. It chooses scopes, replaces references, types and checks every value, and tells all the
// problems of a file at once. It knows nothing of the record, of running commands, or of the state
// of resources.
//
// # The file
//
// A service is one file, NAME.conf or NAMESPACE/NAME.conf, in UTF-8:
//
//	# a comment has a line of its own; "#" and ";" inside a value are part of it
//	[DEFAULT]
//	nodes = n1 n2
//
//	[env]
//	dump = /srv/{name}/dump
//
//	[task#backup]
//	command = pg_dump -f {env.dump}
//	command@n2 = /bin/true
//	environment = A=1
//	    B=2
//
// Only "=" separates a keyword from its value; blanks around a value are dropped, quotes and
// backslashes are kept. A line that is indented more than its keyword continues the value; the
// indentation that all such lines have in common is dropped. A line that begins with "#" or ";" is a
// comment everywhere but inside a quotation that the value has opened.
//
// # Scopes
//
// A keyword may be written once plain and once for each scope, keyword@scope. The first of these
// that fits the node counts: the node's name, nodes, drpnodes, encapnodes, flex_primary,
// drp_flex_primary, plain.
//
// # References
//
// {x} is the keyword x of the same section or else of [DEFAULT], {section.x} that of another
// section, {env.x} the key x of [env]; {name}, {namespace}, {path}, {nodename}, {rid}, {id} and a few
// more come from the service and the node. {x[1]} is the second word of a value, {#x} the number of its
// words, {upper:x} and {lower:x} change its letters. A reference may be made by others:
// {env.{nodename}}. An unknown {section.x} is an error. All other braces are text: ${x}, {{x}}, {1..3},
// {a,b}, { x } and {x} where nothing is called x stay as they are.
package service
