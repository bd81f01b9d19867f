/// The robots in the box: MJCF texts of our own, compiled once.
namespace Rl.Core.Environments.Robots

open System.Collections.Concurrent
open System.IO
open System.Reflection
open Rl.Core.Foundations

/// Models by name: `half_cheetah`, `hopper`, `walker2d`, `walker2d_v4`, `ant`, `humanoid`, `humanoid_standup`,
/// `inverted_pendulum`, `inverted_double_pendulum`, `reacher`, `swimmer`, `pusher`, `pusher_v4`, `terrain_biped`,
/// `terrain_quadruped`.
[<RequireQualifiedAccess>]
module internal RobotModels =

    let private compiled = ConcurrentDictionary<string, RobotModel>()

    /// The MJCF text of a model.
    let text (name: string) : string =
        match Assembly.GetExecutingAssembly().GetManifestResourceStream $"Robots/{name}.xml" with
        | null -> Guard.fail (nameof name) $"There is no robot \"{name}\"."
        | stream ->
            use reader = new StreamReader(stream)
            reader.ReadToEnd()

    /// The compiled model of a name.
    let find (name: string) : RobotModel = compiled.GetOrAdd(name, fun name -> ModelCompiler.ofText (text name))
