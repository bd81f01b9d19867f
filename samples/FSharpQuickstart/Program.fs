/// The same through the core: PPO on CartPole-v1 as a function from state to state, and a gradient as a function.
module FSharpQuickstart

open System.Threading
open Rl.Core.Acting
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Algorithms
open Rl.Core.Learning
open Rl.Core.Training

/// Transitions until the plan's end.
let rec private train (learner: Learner) (state: TrainingState) =
    if state.Steps >= learner.TotalSteps then
        state
    else
        let struct (next, _) = learner.Transition state
        train learner next

[<EntryPoint>]
let main arguments =
    let steps = if Array.contains "--quick" arguments then 20_000L else 200_000L
    let environment = Registry.make "CartPole-v1"
    use workers = new Workers(System.Environment.ProcessorCount)
    use learner = Ppo.create { PpoOptions.defaults with Plan.TotalSteps = steps } (environment.Vectorise 8) workers
    let state = learner.Initialise(Rng.create 1UL) |> train learner
    let policy = learner.Policy state
    let result = Evaluate.run policy (environment.Vectorise 8) 100 true (Rng.create 2UL) CancellationToken.None
    printfn $"{state.Steps} steps: {result.Mean:F1} ± {result.StandardError:F1} (100 episodes)"

    // Derivatives are functions too: of x³ at 2, and the derivative of the derivative.
    let cube (x: Expr) = x * x * x
    let at2 (f: Expr -> Expr) = (Reference.evaluate (f (Expr.number 2.0)))[0]
    printfn $"{at2 cube} {at2 (Diff.diff cube)} {at2 (Diff.diff (Diff.diff cube))}"
    0
