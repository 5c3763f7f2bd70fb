package types

func (Primitive) isValType() {}
func (*List) isValType()     {}
func (*Map) isValType()      {}
func (*Record) isValType()   {}
func (*Tuple) isValType()    {}
func (*Variant) isValType()  {}
func (*Enum) isValType()     {}
func (*Option) isValType()   {}
func (*Result) isValType()   {}
func (*Flags) isValType()    {}
func (*Own) isValType()      {}
func (*Borrow) isValType()   {}
func (*Stream) isValType()   {}
func (*Future) isValType()   {}

func (*Func) isExternType()       {}
func (*Instance) isExternType()   {}
func (*Component) isExternType()  {}
func (*CoreModule) isExternType() {}
func (*TypeEq) isExternType()     {}
func (*TypeSub) isExternType()    {}
