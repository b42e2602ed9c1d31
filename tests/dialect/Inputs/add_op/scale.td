def Resq_ScaleOp : Resq_Op<"scale", [Pure, SameOperandsAndResultType]> {
  let summary = "y = factor * x";
  let roles = "r";
  let arguments = (ins Resq_Rows:$x, F32Attr:$factor);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `factor` $factor attr-dict `:` type($x)";
}
