module github.com/wasinn/wasinn

go 1.26
