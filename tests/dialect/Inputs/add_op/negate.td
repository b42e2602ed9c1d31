def Resq_NegateOp : Resq_RecipeOp<"negate", [Pure, SameOperandsAndResultType]> {
  let summary = "-x, element by element";
  let arguments = (ins Resq_Param:$x);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}
