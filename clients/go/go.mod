module example.com/sundown/check

// A Go program's TLS defaults are those of this line in its own go.mod; from 1.24 on they include ML-KEM hybrids.
go 1.24
