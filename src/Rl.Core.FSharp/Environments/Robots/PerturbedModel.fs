/// A robot with other masses, friction, damping and strength: what domain randomisation makes of a model.
namespace Rl.Core.Environments.Robots

open System
open System.Collections.Concurrent
open Rl.Core.Environments
open Rl.Core.Foundations

/// Factors of a model's numbers.
[<Struct>]
type internal ModelFactors = { Mass: float; Friction: float; Damping: float; Strength: float }

/// The models that follow from one by factors. Those of the latest episodes are kept, since each step asks for its own.
[<Sealed>]
type internal PerturbedModels(model: RobotModel, bodies: string list, copies: int) =
    // Each copy has a model of its own, and begins others; what is left of earlier episodes is few.
    let most = Math.Max(1024, 4 * copies)
    let kept = ConcurrentDictionary<ModelFactors, RobotModel>()

    let isScaled =
        let named = bodies |> List.map (fun name -> RobotModel.body name model)

        match named |> List.tryFind (fun index -> model.Bodies[index].Mass <= 0.0) with
        | Some index ->
            Guard.fail "bodies" $"bodies has \"{model.Bodies[index].Name}\", which has no mass; name bodies that have."
        | None -> Array.init model.Bodies.Length (fun index -> named.IsEmpty || List.contains index named)

    let scaled (factors: ModelFactors) : RobotModel =
        let own =
            model.Bodies
            |> Array.mapi (fun index body ->
                if isScaled[index] then
                    { body with Mass = factors.Mass * body.Mass; Inertia = factors.Mass * body.Inertia }
                else
                    body)

        let subtree = own |> Array.map _.Mass

        for index in own.Length - 1 .. -1 .. 1 do
            subtree[own[index].Parent] <- subtree[own[index].Parent] + subtree[index]

        let dofs = model.Dofs |> Array.map (fun dof -> { dof with Damping = factors.Damping * dof.Damping })

        { model with
            Bodies = own |> Array.mapi (fun index body -> { body with SubtreeMass = subtree[index] })
            Dofs = dofs
            Pairs = model.Pairs |> Array.map (fun pair -> { pair with Friction = factors.Friction * pair.Friction })
            Actuators =
                model.Actuators
                |> Array.map (fun actuator ->
                    { actuator with Gain = factors.Strength * actuator.Gain; Bias = factors.Strength * actuator.Bias })
            TotalMass = own |> Array.sumBy _.Mass
            HasDamping = dofs |> Array.exists (fun dof -> dof.Damping > 0.0)
        }

    /// How many models are kept at most.
    member _.Most = most

    /// The model of factors; `w` is overwritten where it has to be made.
    member _.Find(factors: ModelFactors, w: Workspace) : RobotModel =
        match kept.TryGetValue factors with
        | true, found -> found
        | _ ->
            let made = ModelCompiler.finish w (scaled factors)
            if kept.Count >= most then kept.Clear()
            kept[factors] <- made
            made
