/// The pictures of docs/maths/value-learning.md, value-distributions.md and distributions.md.
namespace Lecture

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives

/// Curves of functions that the pages name, computed by those functions.
[<RequireQualifiedAccess>]
module PageValues =

    let private vector (values: float[]) = Expr.vector (List.ofArray values)

    /// What an error costs under each loss.
    let private losses (setting: Setting) =
        let errors = Numbers.range -3.0 3.0 121
        let error, zero = vector errors, Expr.zeros [| errors.Length |]
        let plot = Picture.create "What an error of the value costs" "target − prediction" "loss"
        let curve name colour loss = Picture.line plot name colour 3.0 errors (Numbers.evaluate [] loss)
        curve "squared" Ink.blue (Losses.squared zero error)
        curve "Huber, δ = 1" Ink.green (Losses.huber 1.0 error)
        curve "expectile, τ = 0.8" Ink.orange (Losses.expectile 0.8 zero error)
        curve "quantile, τ = 0.8" Ink.purple (Losses.quantile (Expr.number 0.8) zero error)
        Picture.save setting "value-losses" plot

    /// A distribution of returns, and its backup r + γ z projected onto the same atoms.
    let private projection (setting: Setting) =
        let atoms = 51
        let low, high = -10.0f, 10.0f
        let support = Numbers.range (float low) (float high) atoms
        let bump centre width (z: float) = exp (-0.5 * ((z - centre) / width) ** 2.0)
        let raw = support |> Array.map (fun z -> bump -4.0 1.2 z + 0.6 * bump 3.0 2.0 z)
        let total = Array.sum raw
        let before = raw |> Array.map (fun weight -> float32 (weight / total))
        let reward, discount = 2.0, 0.7
        let moved = support |> Array.map (fun z -> float32 (reward + discount * z))
        let after = Array.zeroCreate<float32> atoms

        CategoricalProjection.Evenly(atoms, low, high, atoms, ReadOnlySpan moved, ReadOnlySpan before, Span after)

        let mean (values: float32[]) = Array.fold2 (fun sum z p -> sum + z * float p) 0.0 support values
        Report.title "Value distributions: a backup projected onto the atoms"

        Report.table
            [ "distribution"; "mean" ]
            [
                [ "Z"; $"{mean before:F4}" ]
                [ "r + γ Z, projected"; $"{mean after:F4}" ]
                [ "r + γ E[Z]"; $"{reward + discount * mean before:F4}" ]
            ]

        let plot = Picture.create "r + γ Z onto 51 atoms, r = 2, γ = 0.7" "return z" "probability of the atom"
        Picture.line plot "Z" Ink.blue 2.5 support (Array.map float before)

        Picture.points
            plot
            "r + γ Z at its own places"
            Ink.grey
            7.0
            0.8
            (Array.map float moved)
            (Array.map float before)

        Picture.line plot "projected onto the atoms of Z" Ink.orange 2.5 support (Array.map float after)
        Picture.save setting "value-projection" plot

    /// Densities of policies for one action in [−1, 1].
    let private densities (setting: Setting) =
        let xs = Numbers.range -0.995 0.995 399
        let x = vector xs
        let count = xs.Length
        let column (values: Expr) = Expr.reshape [| count; 1 |] values
        let all (value: float) = Expr.zeros [| count |] + value
        let normal = Normal.create (all 0.4) (all (log 0.5))

        let squashed =
            SquashedNormal.create
                (Expr.number -1.0)
                (Expr.number 1.0)
                (DiagonalNormal.create (column (all 0.4)) (column (all (log 0.9))))

        let density logProbability = Numbers.evaluate [] (Expr.exp logProbability)
        let plot = Picture.create "Policies for one action between −1 and 1" "action" "density"
        let curve name colour logProbability = Picture.line plot name colour 3.0 xs (density logProbability)
        curve "normal (may leave the box)" Ink.grey (Normal.logProbability x normal)
        curve "truncated normal" Ink.blue (TruncatedNormal.logProbability x (TruncatedNormal.create -1.0 1.0 normal))
        curve "squashed normal" Ink.orange (SquashedNormal.logProbability (column x) squashed)
        // Beta lies on (0, 1): stretched to twice the length its density halves.
        curve
            "Beta(3, 1.5)"
            Ink.green
            (Beta.logProbability (0.5 * (x + 1.0)) (Beta.create (all 3.0) (all 1.5)) + log 0.5)

        Picture.save setting "distributions-bounded" plot

    let run (setting: Setting) =
        losses setting
        projection setting
        densities setting
