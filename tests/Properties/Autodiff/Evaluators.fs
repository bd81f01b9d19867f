/// Ways to compute expressions in tests: the reference, and compiled programs at every precision and width.
namespace Rl.Tests.Autodiff

open System
open Rl.Core.Kernels
open Rl.Core.Autodiff

/// Values of expressions, given the values of their inputs by name.
type Evaluator = Map<string, Tensor> -> Expr[] -> Tensor[]

[<RequireQualifiedAccess>]
module Evaluator =

    /// The evaluator that defines the meaning of expressions.
    let reference: Evaluator = fun inputs roots -> Reference.evaluateMany (fun name -> inputs[name]) roots

    /// Runs a compiled program once; `toNumber` and `ofNumber` convert from and to float64.
    let private compiled (kernels: KernelSet<'T>) (ofNumber: float -> 'T) (toNumber: 'T -> float) : Evaluator =
        fun inputs roots ->
            let outputs = roots |> Array.mapi (fun index root -> $"output {index}", root) |> List.ofArray
            let program = Program.compileWith kernels { Outputs = outputs; Carried = [] }

            for name, _ in program.Inputs do
                program.Set(name, ReadOnlySpan(inputs[name].ToArray() |> Array.map ofNumber))

            program.Run()

            roots
            |> Array.mapi (fun index root ->
                Tensor.create root.Shape ((program.Output $"output {index}").ToArray() |> Array.map toNumber))

    /// Compiled programs at float64, by the name of their kernels.
    let doubles: (string * Evaluator) list =
        Kernels.doubles |> List.map (fun kernels -> kernels.Name, compiled kernels id id)

    /// Compiled programs at float32, by the name of their kernels.
    let singles: (string * Evaluator) list =
        Kernels.singles |> List.map (fun kernels -> kernels.Name, compiled kernels float32 float)

    /// The largest difference, relative to 1 or to the expected number, whichever is larger; NaN equals NaN.
    let distance (expected: Tensor) (actual: Tensor) =
        Xunit.Assert.Equal<int[]>(expected.Shape, actual.Shape)

        Array.map2
            (fun (e: float) (a: float) ->
                if e = a || (Double.IsNaN e && Double.IsNaN a) then 0.0
                elif Double.IsNaN e || Double.IsNaN a then infinity
                else abs (e - a) / max 1.0 (abs e))
            (expected.ToArray())
            (actual.ToArray())
        |> Array.fold max 0.0
