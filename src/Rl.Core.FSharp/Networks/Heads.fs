/// The last layers: what a network's features become as policies, values and value distributions.
namespace Rl.Core.Networks

open Rl.Core.Foundations
open Rl.Core.Autodiff

/// What a policy's outputs mean.
[<RequireQualifiedAccess>]
type PolicyHead =
    /// Logits [..., actions] of a categorical distribution.
    | Categorical of actions: int
    /// One head for several discrete choices: the logits side by side, [..., Σ choices].
    | MultiCategorical of choices: int list
    /// Logits [..., n] of independent yes-or-no choices.
    | Bernoulli of count: int
    /// Means [..., n] of a diagonal normal whose ln σ [n] is a parameter of its own, starting at the given number.
    | DiagonalNormal of count: int * initialLogStandardDeviation: float
    /// Means and ln σ, both computed from the observation: [..., 2n], the means first.
    | StateDependentNormal of count: int
    /// Means [..., n] of a normal whose noise is a random linear function of the actor's features φ [..., f], drawn for several steps:
    /// σ² = φ² · exp 2P with parameters P [f, n] starting at the given number (Raffin, Kober and Stulp 2022).
    | StateDependentExploration of count: int * features: int * initialLogStandardDeviation: float
    /// Several independent policies side by side: the outputs, then the actions, of each in turn.
    | Joint of parts: PolicyHead list

/// Sizes of policy heads.
[<RequireQualifiedAccess>]
module PolicyHead =

    /// The number of outputs that the network must have.
    let rec outputs (head: PolicyHead) =
        match head with
        | PolicyHead.Categorical actions -> actions
        | PolicyHead.MultiCategorical choices -> List.sum choices
        | PolicyHead.Bernoulli count
        | PolicyHead.DiagonalNormal(count, _)
        | PolicyHead.StateDependentExploration(count, _, _) -> count
        | PolicyHead.StateDependentNormal count -> 2 * count
        | PolicyHead.Joint parts -> parts |> List.sumBy outputs

    /// The number of elements of an action.
    let rec actions (head: PolicyHead) =
        match head with
        | PolicyHead.Categorical _ -> 1
        | PolicyHead.MultiCategorical choices -> choices.Length
        | PolicyHead.Bernoulli count
        | PolicyHead.DiagonalNormal(count, _)
        | PolicyHead.StateDependentExploration(count, _, _)
        | PolicyHead.StateDependentNormal count -> count
        | PolicyHead.Joint parts -> parts |> List.sumBy actions

    /// The number of elements of an action mask: one a choice; 2 for yes or no.
    let rec choices (head: PolicyHead) =
        match head with
        | PolicyHead.Categorical actions -> actions
        | PolicyHead.MultiCategorical choices -> List.sum choices
        | PolicyHead.Bernoulli count -> 2 * count
        | PolicyHead.DiagonalNormal _
        | PolicyHead.StateDependentNormal _
        | PolicyHead.StateDependentExploration _ -> 0
        | PolicyHead.Joint parts -> parts |> List.sumBy choices

    /// The number of actions whose ln σ is a vector of parameters.
    let rec deviations (head: PolicyHead) =
        match head with
        | PolicyHead.DiagonalNormal(count, _) -> count
        | PolicyHead.Joint parts -> parts |> List.sumBy deviations
        | _ -> 0

    let rec private initialDeviations (head: PolicyHead) : float list =
        match head with
        | PolicyHead.DiagonalNormal(_, initial) -> [ initial ]
        | PolicyHead.Joint parts -> parts |> List.collect initialDeviations
        | _ -> []

    /// The parameters beyond the network's: "logStandardDeviation", [n] of the state-independent normals, [f, n] of state-dependent
    /// exploration. The normals of a joint head start from the same number, and none of its parts is state-dependent exploration.
    let layout (head: PolicyHead) =
        let block shape initial = Layout.empty |> Layout.add "logStandardDeviation" shape (Initialiser.Constant initial)

        match head with
        | PolicyHead.StateDependentExploration(count, features, initial) -> block [| features; count |] initial
        | _ ->
            match List.distinct (initialDeviations head) with
            | [] -> Layout.empty
            | [ initial ] -> block [| deviations head |] initial
            | several ->
                Guard.fail
                    (nameof head)
                    $"The normals of the head start from different deviations, %A{several}; let them be equal."

/// Arrangements of the outputs of a last layer.
[<RequireQualifiedAccess>]
module Heads =

    /// The last axis cut into parts of the given lengths, which must add up to it.
    let split (lengths: int list) (x: Expr) : Expr list =
        let last = x.Shape[x.Rank - 1]

        if List.sum lengths <> last then
            Guard.fail
                (nameof lengths)
                $"The lengths add up to {List.sum lengths}; the last axis of {Shape.print x.Shape} has {last} elements."

        List.zip (List.scan (+) 0 lengths |> List.take lengths.Length) lengths
        |> List.map (fun (start, length) -> Expr.slice -1 start (start + length) x)

    /// [..., 1] to [...]: one value a row.
    let value (x: Expr) : Expr = Expr.squeeze -1 x

    /// Q(s, a) = V(s) + A(s, a) − mean A(s, ·) from v [..., 1] and a [..., actions] (Wang et al. 2016).
    let dueling (v: Expr) (a: Expr) : Expr = v + (a - Expr.meanKeep [| -1 |] a)

    /// [..., actions · atoms] to [..., actions, atoms]: a distribution of returns for each action (Bellemare et al. 2017).
    let atoms (actions: int) (atoms: int) (x: Expr) : Expr =
        Expr.reshape (Array.append x.Shape[.. x.Rank - 2] [| actions; atoms |]) x

    /// low + (high − low) (tanh x + 1) / 2: a bounded ln σ with a derivative everywhere, as in SAC's implementations.
    let squash (low: float) (high: float) (x: Expr) : Expr =
        if not (low < high) then
            Guard.fail (nameof low) $"low is {low} and high is {high}; low must be less than high."

        low + 0.5 * (high - low) * (Expr.tanh x + 1.0)
