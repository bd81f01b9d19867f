/// Batch normalisation whose training agrees with its running statistics: batch renormalisation.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// The settings of a layer; those of CrossQ are `BatchRenormalisation.create`'s.
type BatchRenormalisation =
    {
        Features: int
        /// The share of a batch in the running statistics, in (0, 1].
        Momentum: float
        /// ε, above 0: added to variances.
        Epsilon: float
        /// Renormalisation starts with the batch after the first `WarmUp` + 1, which are normalised by their own
        /// statistics; at least 0.
        WarmUp: int
        /// The bound of the ratio of deviations: r is in [1/rₘ, rₘ]; at least 1. With 1, and `MaximumShift` 0, this is
        /// plain batch normalisation with the unbiased variance.
        MaximumRatio: float
        /// The bound of the shift: d is in [−dₘ, dₘ]; at least 0.
        MaximumShift: float
    }

/// What a layer carries from batch to batch; each layer counts its own batches.
type BatchStatistics =
    {
        /// [features]; 0 before the first batch.
        Mean: Expr
        /// [features]; 1 before the first batch.
        Variance: Expr
        /// A scalar: the batches so far.
        Batches: Expr
    }

/// The layer's blocks are "scale" and "shift" (Ioffe and Szegedy 2015; Ioffe 2017, "Batch renormalization"; in CrossQ:
/// Bhatt et al. 2024).
[<RequireQualifiedAccess>]
module BatchRenormalisation =

    /// CrossQ's settings: momentum 0.01, ε = 10⁻³, warm-up 100,000 batches, r in [⅓, 3], d in [−5, 5].
    let create (features: int) =
        {
            Features = features
            Momentum = 0.01
            Epsilon = 1e-3
            WarmUp = 100_000
            MaximumRatio = 3.0
            MaximumShift = 5.0
        }

    let private check (layer: BatchRenormalisation) =
        Guard.positive (nameof layer.Features) layer.Features
        Guard.inRange (nameof layer.Momentum) 0.0 1.0 layer.Momentum
        Guard.positiveNumber (nameof layer.Momentum) layer.Momentum
        Guard.positiveNumber (nameof layer.Epsilon) layer.Epsilon
        Guard.notNegative (nameof layer.WarmUp) layer.WarmUp
        Guard.notNegativeNumber (nameof layer.MaximumShift) layer.MaximumShift

        if not (layer.MaximumRatio >= 1.0) then
            Guard.fail
                (nameof layer.MaximumRatio)
                ($"MaximumRatio is {layer.MaximumRatio}; the ratio of deviations "
                 + "lies in [1/MaximumRatio, MaximumRatio], so it must be at least 1.")

    /// Scale 1 and shift 0 for each feature.
    let layout (layer: BatchRenormalisation) =
        check layer
        LayerNormalisation.layout layer.Features

    /// The statistics before the first batch.
    let start (layer: BatchRenormalisation) : BatchStatistics =
        check layer

        {
            Mean = Expr.zeros [| layer.Features |]
            Variance = Expr.ones [| layer.Features |]
            Batches = Expr.number 0.0
        }

    /// The blocks of what a layer carries, "statistics/mean", "statistics/variance" and "statistics/batches", as before
    /// the first batch. They are no parameters that are learned, but lie in θ, so that what acts has them.
    let statistics (layer: BatchRenormalisation) : Layout =
        check layer

        Layout.empty
        |> Layout.add "mean" [| layer.Features |] (Initialiser.Constant 0.0)
        |> Layout.add "variance" [| layer.Features |] (Initialiser.Constant 1.0)
        |> Layout.add "batches" [||] (Initialiser.Constant 0.0)
        |> Layout.under "statistics"

    /// Whether a block holds what a layer carries, wherever in a network the layer is.
    let isStatistic (block: Block) : bool =
        // Branches of a user's own networks may be called "statistics" too; what lies under them has other names.
        let name = "/" + block.Name

        [ "mean"; "variance"; "batches" ]
        |> List.exists (fun own -> name.EndsWith("/statistics/" + own, System.StringComparison.Ordinal))

    /// What a layer carries, from its blocks.
    let ofBlocks (parameters: Parameters) : BatchStatistics =
        let own = Parameters.at "statistics" parameters

        {
            Mean = Parameters.block "mean" own
            Variance = Parameters.block "variance" own
            Batches = Parameters.block "batches" own
        }

    /// The numbers of the blocks, one after the other.
    let toVector (statistics: BatchStatistics) : Expr =
        Expr.concat 0 [ statistics.Mean; statistics.Variance; Expr.reshape [| 1 |] statistics.Batches ]

    let private scaled (parameters: Parameters) (x: Expr) =
        x * Parameters.block "scale" parameters + Parameters.block "shift" parameters

    let private requireFeatures (layer: BatchRenormalisation) (x: Expr) =
        check layer

        if x.Rank <> 2 || x.Shape[1] <> layer.Features then
            Guard.fail
                (nameof x)
                $"x has the shape {Shape.print x.Shape}; batch normalisation needs [rows, {layer.Features}]."

    /// scale · (x − μ) / √(v + ε) + shift with the running μ and v, x [rows, features]: the layer when acting, in which
    /// a row does not depend on the others.
    let apply (layer: BatchRenormalisation) (parameters: Parameters) (statistics: BatchStatistics) (x: Expr) : Expr =
        requireFeatures layer x
        scaled parameters ((x - statistics.Mean) / Expr.sqrt (statistics.Variance + layer.Epsilon))

    /// √x whose derivative at 0 is 0: a feature that is the same in all rows has a variance of 0.
    let private root (x: Expr) =
        let isPositive = Expr.greater x (Expr.number 0.0)
        Expr.sqrt (Expr.select isPositive x (Expr.number 1.0)) * isPositive

    /// The layer in training, x [rows, features] of at least two rows, to struct (y, the statistics after the batch).
    /// With the batch's mean m and unbiased variance s, and the running μ and v of before it:
    /// y = scale · (x − m + d √s / r) / √(s / r² + ε) + shift,
    /// r = clip(√(s + ε) / √(v + ε), 1/rₘ, rₘ) and d = clip((m − μ) / √(v + ε), ±dₘ), which are constant to
    /// derivatives; while the layer warms up r = 1 and d = 0. Afterwards μ ← μ + momentum (m − μ), v ← v + momentum (s
    /// − v). All rows of the batch are needed at once: parts of a batch have other means.
    let train
        (layer: BatchRenormalisation)
        (parameters: Parameters)
        (statistics: BatchStatistics)
        (x: Expr)
        : struct (Expr * BatchStatistics) =
        requireFeatures layer x
        let rows = x.Shape[0]

        if rows < 2 then
            Guard.fail
                (nameof x)
                ($"x has {rows} rows; the variance of a batch needs at least 2: choose "
                 + "a larger batch, or `apply`, which uses the running statistics.")

        let mean = Expr.meanOver [| 0 |] x
        let variance = Expr.sumOver [| 0 |] (Expr.square (x - mean)) / float (rows - 1)
        let running = Expr.sqrt (statistics.Variance + layer.Epsilon)
        let isWarm = Expr.greater statistics.Batches (Expr.number (float layer.WarmUp))

        let ratio =
            Expr.sqrt (variance + layer.Epsilon) / running
            |> Expr.clamp (1.0 / layer.MaximumRatio) layer.MaximumRatio

        let shift = (mean - statistics.Mean) / running |> Expr.clamp -layer.MaximumShift layer.MaximumShift
        let r = Expr.stopGradient (Expr.select isWarm ratio (Expr.ones [| layer.Features |]))
        let d = Expr.stopGradient (Expr.select isWarm shift (Expr.zeros [| layer.Features |]))
        let centred = x - (mean - d * root variance / r)
        let y = centred / Expr.sqrt (variance / Expr.square r + layer.Epsilon)
        let towards (target: Expr) (old: Expr) = old + layer.Momentum * (Expr.stopGradient target - old)

        struct (scaled parameters y,
                {
                    Mean = towards mean statistics.Mean
                    Variance = towards variance statistics.Variance
                    Batches = statistics.Batches + 1.0
                })
