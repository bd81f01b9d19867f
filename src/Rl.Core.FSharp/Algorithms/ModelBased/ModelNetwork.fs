/// Networks of learnt models of the world: an ensemble of perceptrons side by side.
namespace Rl.Core.Algorithms

open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives

/// E perceptrons of one shape from an observation and an action to the numbers of a step, all normalised: the means of
/// n numbers, the logarithms of their variances where the model is Gaussian, and the log-odds that the step ends its
/// episode where it learns that. Members share nothing, so that in one program each is a lane of its own.
type ModelNetwork =
    {
        /// E.
        Members: int
        /// The layers of a member.
        Layers: Mlp
        /// n.
        Numbers: int
        /// Variances are predicted too; else the model is deterministic.
        IsGaussian: bool
        /// The bounds of ln σ² are learnt; else they stay at −10 and ½.
        LearnsBounds: bool
        /// The log-odds of termination are predicted too.
        PredictsTermination: bool
    }

/// What a member predicts for [rows, inputs].
type ModelPrediction =
    {
        /// [rows, n].
        Mean: Expr
        /// ln σ² [rows, n]; none of a deterministic model.
        LogVariance: Expr option
        /// The log-odds that s′ is terminal [rows].
        Termination: Expr option
    }

/// Member k's blocks lie under its number: those of its layers, then "leastLogVariance" and "largestLogVariance".
[<RequireQualifiedAccess>]
module ModelNetwork =

    /// The bounds of ln σ² at the start, of normalised numbers.
    let startOfBounds = struct (-10.0, 0.5)

    /// E ≥ 1 members with weights of N(0, 1/(4 · inputs)) and biases of 0, as in the code of PETS.
    let create
        (activation: Activation)
        (members: int)
        (inputs: int)
        (hidden: int list)
        (numbers: int)
        (isGaussian: bool)
        (learnsBounds: bool)
        (predictsTermination: bool)
        : ModelNetwork =
        Guard.positive (nameof members) members
        Guard.positive (nameof numbers) numbers
        let outputs = (if isGaussian then 2 * numbers else numbers) + (if predictsTermination then 1 else 0)
        let start = Initialiser.KaimingNormal 0.5

        {
            Members = members
            Layers =
                { Mlp.create 1.0 inputs hidden outputs with
                    Activation = activation
                    HiddenWeight = start
                    OutputWeight = start
                }
            Numbers = numbers
            IsGaussian = isGaussian
            LearnsBounds = learnsBounds
            PredictsTermination = predictsTermination
        }

    /// The parameters of one member.
    let layoutOfMember (network: ModelNetwork) : Layout =
        let layers = Mlp.layout network.Layers

        if network.IsGaussian then
            let struct (least, largest) = startOfBounds

            layers
            |> Layout.add "leastLogVariance" [| network.Numbers |] (Initialiser.Constant least)
            |> Layout.add "largestLogVariance" [| network.Numbers |] (Initialiser.Constant largest)
        else
            layers

    /// The parameters of all members, one after the other.
    let layout (network: ModelNetwork) : Layout =
        let own = layoutOfMember network
        Layout.merge [ for index in 0 .. network.Members - 1 -> string index, own ]

    /// The bounds of a member's ln σ²: struct (least, largest), constants where they are not learnt.
    let bounds (network: ModelNetwork) (ofMember: Parameters) : struct (Expr * Expr) =
        let bound name =
            let own = Parameters.block name ofMember
            if network.LearnsBounds then own else Expr.stopGradient own

        struct (bound "leastLogVariance", bound "largestLogVariance")

    /// What a member with these parameters predicts for normalised x [rows, inputs].
    let predict (network: ModelNetwork) (ofMember: Parameters) (x: Expr) : ModelPrediction =
        let y = Mlp.apply network.Layers ofMember x
        let n = network.Numbers
        let after = if network.IsGaussian then 2 * n else n

        {
            Mean = Expr.slice -1 0 n y
            LogVariance =
                if network.IsGaussian then
                    let struct (least, largest) = bounds network ofMember
                    Some(ModelLearning.boundLogVariance least largest (Expr.slice -1 n (2 * n) y))
                else
                    None
            Termination =
                if network.PredictsTermination then
                    Some(Expr.squeeze -1 (Expr.slice -1 after (after + 1) y))
                else
                    None
        }

    /// The member's loss of each row [rows]: the mean over numbers of `ModelLearning.gaussianLoss`, or of squared
    /// errors where the model is deterministic.
    let loss (prediction: ModelPrediction) (target: Expr) : Expr =
        match prediction.LogVariance with
        | Some logVariance -> Expr.meanOver [| -1 |] (ModelLearning.gaussianLoss prediction.Mean logVariance target)
        | None -> Expr.meanOver [| -1 |] (Expr.square (prediction.Mean - target))
