/// Running an expression, and the few statistics that the tables show.
namespace Lecture

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

[<RequireQualifiedAccess>]
module Numbers =

    /// The values of an expression with the given inputs, by a compiled float64 program.
    let evaluate (inputs: (string * float[]) list) (output: Expr) : float[] =
        let program = Program.ofOutputs<float> [ "output", output ]

        for name, values in inputs do
            if program.HasInput name then program.Set(name, ReadOnlySpan<float> values)

        program.Run()
        program.Output("output").ToArray()

    /// `count` draws, in order.
    let draw (count: int) (from: Rng -> struct ('T * Rng)) (rng: Rng) : struct ('T[] * Rng) =
        let mutable rng = rng

        let values =
            Array.init count (fun _ ->
                let struct (value, next) = from rng
                rng <- next
                value)

        struct (values, rng)

    /// The standard error of the mean of independent values.
    let standardError (values: float[]) : float =
        let mean = Array.average values
        let squares = values |> Array.sumBy (fun value -> (value - mean) * (value - mean))
        sqrt (squares / float (values.Length - 1) / float values.Length)

    /// `count` numbers from low to high at equal distances.
    let range (low: float) (high: float) (count: int) : float[] =
        Array.init count (fun index -> low + (high - low) * float index / float (count - 1))
