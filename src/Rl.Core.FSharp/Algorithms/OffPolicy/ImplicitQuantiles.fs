/// What IQN and FQF share: quantiles of returns at levels, their targets, and the network that gives both.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Objectives

/// Functions of learners whose network takes the levels of quantiles in.
[<RequireQualifiedAccess>]
module internal ImplicitQuantiles =

    /// The network of a quantile function for each action, which acts by the largest mean over so many levels.
    let network algorithm (values: ValueOptions) cosines levels (observations: Space) (actions: Space) : Actor =
        let distribution = if values.Dueling then DuelingGreedyPolicy.create else GreedyPolicy.create

        ValueNetwork.network algorithm values distribution observations actions
        |> PolicyNetwork.implicitQuantiles cosines levels

    /// Quantiles Z_τ(s, ·) at levels τ [rows, K]: [rows, K, actions].
    let at (values: ValueOptions) (network: Actor) (parameters: Parameters) (levels: Expr) (observations: Expr) : Expr =
        let outputs = Actor.atLevels network parameters levels observations
        if values.Dueling then DuelingGreedyPolicy.values outputs else outputs

    /// r + γ Z(s′, a*) [rows, K′] of quantiles [rows, K′, actions] of the next state and the actions chosen there.
    let targets (columns: TransitionColumns) (batch: Batch) (best: Expr) (ahead: Expr) : Expr =
        let column (x: Expr) = Expr.expandAxis -1 x
        let reward, discount = column batch[columns.Rewards], column batch[DrawnColumns.discounts]
        reward + discount * ValueDistributions.chosenLocations best ahead
