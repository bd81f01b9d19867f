/// What the golden updates of offline algorithms share: critics, policies as the libraries have them, draws of several
/// actions a state.
module Rl.Tests.Golden.OfflineUpdates

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Objectives
open Rl.Tests.Golden.AlgorithmNetworks

/// The values [M] of the critics of a prefix, counted from 1.
let values (p: Map<string, Expr>) (prefix: string) (observations: Expr) (actions: Expr) : Expr list =
    Seq.initInfinite ((+) 1)
    |> Seq.takeWhile (fun k -> p.ContainsKey $"{prefix}{k}.0.weight")
    |> Seq.map (fun k ->
        Expr.concat -1 [ observations; actions ] |> mlp p $"{prefix}{k}" Expr.relu false |> Expr.squeeze -1)
    |> Seq.toList

let least (values: Expr list) = List.reduce Expr.minimum values
let total (values: Expr list) = List.reduce (+) values
let meanOf (values: Expr list) = total values * (1.0 / float values.Length)

/// The sum over critics of their mean squared errors.
let regression (values: Expr list) (y: Expr) =
    values |> List.map (fun q -> Expr.mean (OffPolicy.criticLoss q y)) |> total

/// γ to each row's own power; 0 where s′ is terminal.
let discounts (step: GoldenNode) (gamma: float) =
    let continues = 1.0 - batch step "terminated"

    if step["batch"].Has "intervals" then
        Expr.exp (Math.Log gamma * batch step "intervals") * continues
    else
        gamma * continues

let draw (step: GoldenNode) (name: string) = GoldenCases.ofNode (step["draws"].[name])

/// The parts of a draw [n, M, k], n of [M, k].
let parts (x: Expr) : Expr list = [ for k in 0 .. x.Shape[0] - 1 -> Expr.slice 0 k (k + 1) x |> Expr.squeeze 0 ]

/// The parts of a draw [M n, k] whose rows come by state, then by sample.
let partsByState (count: int) (x: Expr) : Expr list =
    let own = Expr.reshape [| -1; count; x.Shape[x.Rank - 1] |] x
    [ for k in 0 .. count - 1 -> Expr.slice 1 k (k + 1) own |> Expr.squeeze 1 ]

/// A normal distribution over actions: hidden layers, then the two heads or one and ln σ apart, as d3rlpy has them.
let normal (case: GoldenNode) (p: Map<string, Expr>) (net: string) (observations: Expr) : DiagonalNormal =
    let settings = case["params"]
    let low, high = settings.Float "min_logstd", settings.Float "max_logstd"
    let hidden = mlp p net Expr.relu true observations
    let mean = linear p $"{net}.mean" hidden

    let deviation =
        if p.ContainsKey $"{net}.log_std.weight" then
            Expr.clamp low high (linear p $"{net}.log_std" hidden)
        else
            Expr.broadcastTo mean.Shape (low + (high - low) * Expr.sigmoid p[$"{net}.log_std"])

    DiagonalNormal.create mean deviation

/// tanh u with u = μ + σ z, and its log-probability.
let squashed (noise: Expr) (own: DiagonalNormal) : struct (Expr * Expr) =
    let u = DiagonalNormal.reparameterise noise own
    let limits = SquashedNormal.create (Expr.number -1.0) (Expr.number 1.0) own
    struct (Expr.tanh u, SquashedNormal.logProbabilityOf u limits)

/// The normal distribution around tanh μ.
let around (own: DiagonalNormal) : DiagonalNormal = DiagonalNormal.create (Expr.tanh own.Mean) own.LogStandardDeviation

/// A draw of it, within (−1, 1).
let clipped (noise: Expr) (own: DiagonalNormal) : Expr = Expr.clamp -1.0 1.0 (DiagonalNormal.reparameterise noise own)

let expected (step: GoldenNode) (group: string) = step["gradients"].Floats group

/// The parts of an optimiser's gradient that its groups have, in this order.
let cut (gradient: float[]) (counts: int list) : float[] list =
    let starts = List.scan (+) 0 counts
    List.map2 (fun start count -> gradient[start .. start + count - 1]) (List.truncate counts.Length starts) counts

let isOf (algorithm: string) (implementation: string) (case: GoldenNode) =
    case.Text "algorithm" = algorithm && case.Text "implementation" = implementation
